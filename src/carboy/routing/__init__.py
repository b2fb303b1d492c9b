"""Match paths to rules and build paths from rules.

Lives here: ``Map`` and ``Rule``, and beside them all that ``werkzeug.routing`` exports.
Must not know: anything else of Carboy. It could be used with Werkzeug alone.
"""

from werkzeug.routing import AnyConverter as AnyConverter
from werkzeug.routing import BaseConverter as BaseConverter
from werkzeug.routing import BuildError as BuildError
from werkzeug.routing import EndpointPrefix as EndpointPrefix
from werkzeug.routing import FloatConverter as FloatConverter
from werkzeug.routing import IntegerConverter as IntegerConverter
from werkzeug.routing import MapAdapter as MapAdapter
from werkzeug.routing import NoMatch as NoMatch
from werkzeug.routing import PathConverter as PathConverter
from werkzeug.routing import RequestAliasRedirect as RequestAliasRedirect
from werkzeug.routing import RequestPath as RequestPath
from werkzeug.routing import RequestRedirect as RequestRedirect
from werkzeug.routing import RoutingException as RoutingException
from werkzeug.routing import RuleFactory as RuleFactory
from werkzeug.routing import RuleTemplate as RuleTemplate
from werkzeug.routing import RuleTemplateFactory as RuleTemplateFactory
from werkzeug.routing import StateMachineMatcher as StateMachineMatcher
from werkzeug.routing import Subdomain as Subdomain
from werkzeug.routing import Submount as Submount
from werkzeug.routing import UnicodeConverter as UnicodeConverter
from werkzeug.routing import UUIDConverter as UUIDConverter
from werkzeug.routing import ValidationError as ValidationError
from werkzeug.routing import WebsocketMismatch as WebsocketMismatch
from werkzeug.routing import parse_converter_args as parse_converter_args

from .map import Map as Map
from .rules import Rule as Rule
