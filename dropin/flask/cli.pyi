from carboy.cli import *
