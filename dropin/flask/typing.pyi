from carboy.typing import *
