from carboy.config import *
