"""The kernel of `make lab`: it names no version of Python, so opening a notebook does not change its file."""
from ipykernel.ipkernel import IPythonKernel
from ipykernel.kernelapp import IPKernelApp


class Kernel(IPythonKernel):
    """IPython's kernel, by the metadata of a built notebook."""

    language_info = {"name": "python"}


if __name__ == "__main__":
    IPKernelApp.launch_instance(kernel_class=Kernel)
