"""A stand-in for the Naver Search Ad API, for tests and demonstrations."""
