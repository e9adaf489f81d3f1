import pytest

from labkit.grading.orders import order_for
from labkit.grading.seeds import dice, is_own, normal
from labkit.grading.traces import trace_for
from labkit.notebook.stops import NotQuite


def test_same_name_has_the_same_numbers_however_it_is_written():
    assert normal("  Ada   LOVELACE ") == "ada lovelace"
    assert normal("Zoe\u0308") == normal("Zoë")  # an accent as a letter of its own
    assert order_for("Ada Lovelace") == order_for("ada  lovelace")
    assert trace_for("Ada Lovelace") == trace_for("ADA LOVELACE")


def test_numbers_never_change_between_machines():
    # A release of NumPy or Python that changed these would change what students have already handed in.
    assert dice("Ada Lovelace", "an exercise").integers(0, 1000, 4).tolist() == [161, 517, 134, 605]


def test_names_and_exercises_have_their_own_numbers():
    orders = [str(order_for(f"student {i}")) for i in range(300)]
    assert len(set(orders)) == 300
    assert dice("Ada", "one").integers(2**60) != dice("Ada", "two").integers(2**60)


@pytest.mark.parametrize("nothing", [..., None, "", "   ", "?", "123", 7])
def test_no_name_gets_a_sentence(nothing):
    with pytest.raises(NotQuite, match="Write your name"):
        order_for(nothing)


def test_a_name_may_be_in_any_script_and_is_no_placeholder():
    assert is_own("李雷")
    assert is_own("Student, Ada")
    assert not is_own(" Your  name ")
