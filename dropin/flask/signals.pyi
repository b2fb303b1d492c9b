from carboy.signals import *
