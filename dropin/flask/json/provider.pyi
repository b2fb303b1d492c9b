from carboy.json.provider import *
