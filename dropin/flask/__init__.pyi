from carboy import *
