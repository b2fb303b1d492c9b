from carboy.testing import *
