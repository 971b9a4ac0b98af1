from reactor.farm import Farm as Farm
from reactor.farm.blocking import SyncFarm as SyncFarm
from reactor.records import JobRecord as JobRecord
from reactor.records import NewJob as NewJob

__version__: str
