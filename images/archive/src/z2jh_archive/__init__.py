"""The archive of place `local`: what the bucket holds, how it is made, and a stand-in for MAST's queries about it."""

BUCKET = "stpubdata"
INDEX_KEY = "samples/index.json"
