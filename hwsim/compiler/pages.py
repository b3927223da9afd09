"""The division of a program into pages, each of which loads the next."""

from hwsim.compiler.tokens import certainly_reached
from hwsim.isa.descriptor import Compute, Descriptor, Load, Store
from hwsim.isa.fields import (
    DESCRIPTOR_BYTES,
    PAGE_BYTES,
    PAGE_DESCRIPTORS,
    Destination,
    StoreDestination,
)
from hwsim.isa.tokens import TOKEN_MASK


def in_pages(work: list[Descriptor], code_start: int, word_bytes: int) -> list[Descriptor]:
    """Return the descriptors with, at the head of every page but the last, a load of the next."""
    paged: list[Descriptor] = []
    computes = stores = 0
    position = 0
    while (left := len(work) - position) > PAGE_DESCRIPTORS:
        page = work[position : position + PAGE_DESCRIPTORS - 1]
        following = min(left - len(page), PAGE_DESCRIPTORS)
        paged.append(
            Load.single_run(
                Destination.PROGRAM,
                code_start + (len(paged) // PAGE_DESCRIPTORS + 1) * PAGE_BYTES,
                following * DESCRIPTOR_BYTES // word_bytes,
                wait_computes=certainly_reached(computes) & TOKEN_MASK,
                wait_stores=certainly_reached(stores) & TOKEN_MASK,
            )
        )
        paged += page
        computes += sum(type(each) is Compute for each in page)
        stores += sum(map(_stores_to_memory, page))
        position += len(page)
    return paged + work[position:]


def _stores_to_memory(descriptor: Descriptor) -> bool:
    return type(descriptor) is Store and descriptor.destination == StoreDestination.MEMORY
