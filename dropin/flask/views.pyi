from carboy.views import *
