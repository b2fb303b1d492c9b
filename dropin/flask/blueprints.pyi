from carboy.blueprints import *
