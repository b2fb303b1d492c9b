from flask import Markup
print(repr(Markup('<strong>Hello %s!</strong>') % '<blink>hacker</blink>'))
print(repr(Markup.escape('<blink>hacker</blink>')))
print(repr(Markup('<em>Marked up</em> &raquo; HTML').striptags()))
