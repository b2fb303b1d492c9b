from carboy.globals import *
