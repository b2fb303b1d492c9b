"""An admin site: models listed, searched, filtered, created, edited, deleted, exported; actions,
editing in place, secure forms, views of one's own, files, a second language, closed doors."""

import re
from html import unescape

import pytest

DISTRIBUTIONS = ["Flask-Admin"]
APP = "admin.py"


@pytest.fixture
def staff(visitor):
    visitor.headers["X-Word"] = "swordfish"
    return visitor


def create(staff, name, price="3", **more):
    fields = {"name": name, "price": price, **more}
    return staff.post("/admin/product/new/", fields, allow_redirects=False)


def listed(staff, query=""):
    """The rows of the list of products: their numbers, names and the text of the other cells."""
    page = staff.get(f"/admin/product/{query}").text
    rows = re.findall(r'name="rowid" class="action-checkbox" value="(\d+)"(.*?)</tr>', page, re.S)
    return {
        re.search(r'col-name">\s*(.*?)\s*</td>', row, re.S)[1]: (int(number), row)
        for number, row in rows
    }


def shown(page):
    return unescape(re.sub(r"\s+", " ", re.sub("<[^>]+>", " ", page)))


def test_without_the_word_every_door_is_closed(visitor):
    for path in "/admin/", "/admin/product/", "/admin/till/", "/admin/files/":
        assert visitor.get(path).status_code == 403
    assert create(visitor, "Stolen").status_code == 403


def test_a_product_is_created_edited_and_deleted(staff):
    created = create(staff, "Anvil")
    assert (created.status_code, created.headers["Location"]) == (302, "/admin/product/")
    number, row = listed(staff, "?search=Anvil")["Anvil"]
    assert "3 crowns" in row

    edit = f"/admin/product/edit/?id={number}"
    assert 'value="Anvil"' in staff.get(edit).text
    edited = staff.post(edit, {"name": "Hammer", "price": "4", "sold_out": "y"})
    assert "Record was successfully saved." in edited.text
    details = shown(staff.get(f"/admin/product/details/?id={number}").text)
    assert "Hammer" in details
    assert "4 crowns" in details

    deleted = staff.post("/admin/product/delete/", {"id": number})
    assert "Record was successfully deleted." in deleted.text
    assert "Record does not exist." in staff.get(edit).text


def test_a_wrong_field_is_refused_with_its_message(staff):
    refused = create(staff, "", price="0")
    assert refused.status_code == 200
    assert "This field is required." in refused.text
    assert "Number must be at least 1." in refused.text


def test_the_list_is_searched_filtered_sorted_and_paged(staff):
    for price in range(10, 17):
        create(staff, f"Nail {price}", str(price))
    assert list(listed(staff, "?search=Nail")) == [f"Nail {n}" for n in range(10, 15)]
    assert list(listed(staff, "?search=Nail&page=1")) == ["Nail 15", "Nail 16"]
    assert list(listed(staff, "?search=Nail&sort=1&desc=1"))[:2] == ["Nail 16", "Nail 15"]
    assert list(listed(staff, "?search=Nail&flt0_0=12")) == ["Nail 12"]
    exported = staff.get("/admin/product/export/csv/?search=Nail 1&flt0_2=15")
    assert exported.headers["Content-Type"].startswith("text/csv")
    assert exported.text.splitlines()[1:] == ["Nail 16,16 crowns,False,"]


def test_a_price_is_changed_in_the_list(staff):
    create(staff, "Rope")
    number, _ = listed(staff, "?search=Rope")["Rope"]

    def change(price):
        fields = {"list_form_pk": number, "price": price}
        return staff.post("/admin/product/ajax/update/", fields)

    assert change("9").text == "Record was successfully saved."
    assert "9 crowns" in listed(staff, "?search=Rope")["Rope"][1]
    refused = change("free")
    assert (refused.status_code, refused.text) == (
        500,
        "Failed to update record. Not a valid integer value.",
    )


def test_an_action_works_on_the_chosen_rows(staff):
    for name in "Lamp 1", "Lamp 2", "Lamp 3":
        create(staff, name)
    rows = listed(staff, "?search=Lamp")
    chosen = [rows["Lamp 1"][0], rows["Lamp 3"][0]]
    done = staff.post("/admin/product/action/", {"action": "sell out", "rowid": chosen})
    assert "2 sold out" in done.text
    exported = staff.get("/admin/product/export/csv/?search=Lamp").text
    assert re.findall("(Lamp .),.*?,(True|False)", exported) == [
        ("Lamp 1", "True"),
        ("Lamp 2", "False"),
        ("Lamp 3", "True"),
    ]


def test_a_secure_form_wants_its_token_and_a_name_is_given_once(staff):
    new = "/admin/maker/new/"
    forged = staff.post(new, {"name": "Acme"})
    assert "successfully" not in forged.text
    assert "There are no items in the table." in staff.get("/admin/maker/").text
    token = re.search('name="csrf_token"[^>]* value="([^"]+)"', staff.get(new).text)[1]
    made = staff.post(new, {"name": "Acme", "csrf_token": token})
    assert "Record was successfully created." in made.text
    again = staff.post(new, {"name": "Acme", "csrf_token": token})
    assert "Already exists." in again.text

    create(staff, "Magnet", maker="1")
    assert list(listed(staff, "?flt0_maker_name_equals=Acme&search=Magnet")) == ["Magnet"]


def test_a_view_of_ones_own_has_a_page_in_the_menu(staff):
    home = staff.get("/admin/").text
    assert re.search(r'<a [^>]*href="/admin/till/">\s*Till\s*</a>', home)
    assert "In the till:" in shown(staff.get("/admin/till/").text)
    assert staff.post("/admin/till/count").json()["back"] == "/admin/till/"


def test_files_are_uploaded_and_downloaded(staff):
    def upload(name):
        return staff.post("/admin/files/upload/", files={"upload": (name, b"Remember the milk")})

    assert "note.txt" in upload("note.txt").text
    assert staff.get("/admin/files/download/note.txt").content == b"Remember the milk"
    assert "Invalid file type." in upload("virus.exe").text
    assert staff.get("/admin/files/download/..%2fshop.db").status_code == 404


def test_the_site_speaks_the_visitors_language(staff):
    assert "Create" in staff.get("/admin/product/").text
    german = staff.get("/admin/product/", headers={"Accept-Language": "de"}).text
    assert "Erstellen" in german
