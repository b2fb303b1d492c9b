from carboy.json import *
