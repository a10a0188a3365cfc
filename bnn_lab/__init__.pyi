from . import bench as bench
from . import compat as compat
from . import convert as convert
from . import costmodel as costmodel
from . import course as course
from . import data as data
from . import errors as errors
from . import experiments as experiments
from . import figures as figures
from . import kernels as kernels
from . import lessons as lessons
from . import measure as measure
from . import models as models
from . import profiling as profiling
from . import reference as reference
from . import runtime as runtime
from . import tflite as tflite
from . import training as training
from . import widgets as widgets
from .convert import convert_keras_model as convert_keras_model
from .convert import convert_saved_model as convert_saved_model
from .convert import explain as explain
from .profiling.model_profile import profile as profile
from .runtime import Interpreter as Interpreter
from .runtime import load_delegate as load_delegate

__version__: str
