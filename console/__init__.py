"""How people come in: `cli` is the command line. Reading and writing stand beside it, one matter a file.

What asks the database takes a Session and returns plain values; what prints knows no SQL.
"""
