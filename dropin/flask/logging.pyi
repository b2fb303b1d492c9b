from carboy.logging import *
