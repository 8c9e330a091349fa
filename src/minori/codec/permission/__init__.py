"""Permission documents, from their text to frozen values, with errors that point into the text."""
