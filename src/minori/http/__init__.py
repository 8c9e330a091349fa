"""HTTP/1.1 as the API and the file door both speak it: bounded connections, requests and answers."""
