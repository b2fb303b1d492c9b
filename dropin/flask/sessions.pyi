from carboy.sessions import *
