"""The rules: who may, what is stored, what is answered. Knows `storage.base`, no driver, no protocol."""
