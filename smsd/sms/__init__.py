"""The text of a message: alphabets, transliteration, segments. A library of its own, without I/O."""
