from carboy.ctx import *
from carboy.ctx import _AppCtxGlobals as _AppCtxGlobals
