from carboy.app import *
