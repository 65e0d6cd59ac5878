"""`python -m bench`: what a post costs on its whole journey, in units of stock VADER on the same posts.

Never part of `make test`. Nothing imports it.
"""
