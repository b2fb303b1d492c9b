from carboy.scaffold import *
