"""Which quantizer leaks least about who was in the training set?"""

__version__ = "0.1.0"
