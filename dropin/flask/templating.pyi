from carboy.templating import *
