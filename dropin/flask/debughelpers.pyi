from carboy.debughelpers import *
