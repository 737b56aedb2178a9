"""Who does the work of a series: this process, a pool of processes, or a cluster."""

from xrdfit.series.workers.cluster import Cluster
from xrdfit.series.workers.here import Here
from xrdfit.series.workers.journaled import Journaled, Records
from xrdfit.series.workers.pool import Pool
from xrdfit.series.workers.protocol import LostWorkersError, MadeOnDemand, Workers

__all__ = ["Cluster", "Here", "Journaled", "LostWorkersError", "MadeOnDemand", "Pool", "Records", "Workers"]
