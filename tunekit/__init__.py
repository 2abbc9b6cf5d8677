"""tunekit: will this Linux host really carry the load that is about to be put on it?"""

__version__ = "0.1.0"
