from carboy.helpers import *
