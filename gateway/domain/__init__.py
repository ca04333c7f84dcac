"""The nouns: frozen data, no behaviour beyond derived properties, no imports beyond the standard library."""
