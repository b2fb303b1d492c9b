from carboy.wrappers import *
