"""The rules: pure functions of the nouns.  Time and new ids are arguments; nothing here knows a protocol or a store."""
