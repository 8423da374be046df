/* The usual claims and service lines of an 835, read in C.

   A shortcut and no second reader: body.py says what a claim and a line mean, and its pure Python reads every one that is not
   usual in each respect: a layout met before, plain amounts that balance, dates, procedures and units met before. This file
   knows no segment's name; a plan, made from a layout (see layouts.py), tells where in a claim's head or a line the values
   stand. The stable ABI of Python 3.11 is all it needs.
*/
#define PY_SSIZE_T_CLEAN
#ifndef Py_LIMITED_API
#define Py_LIMITED_API 0x030B0000
#endif
#include <Python.h>
#include <string.h>

#define MOST_ELEMENTS 128 /* of a head or a line that is read here; layouts.py knows it, too */
#define MOST_TRIPLETS 64
#define MOST_DIGITS 9 /* of whole dollars: no sum of a check's amounts can overflow */
#define MOST_LETTERS 256 /* of a rendering provider's name */
#define REMEMBERED 1024
#define MOST_REMEMBERED 12 /* letters */
#define CLAIM_COLUMNS 36
#define LINE_COLUMNS 22
#define ADJUSTMENT_COLUMNS 8
#define PLAN "hp_portal.plan"
#define VERSION 4 /* of what Python and C agree on; compiled.py names the one it knows */

/* Places of the values, in the order of layouts.line_layout. */
enum {
    COMPOSITE, CHARGE, PAYMENT, REVENUE, UNITS, FIRST_DAY, LAST_DAY, CONTROL, ALLOWED, RENDERING, REMARKS, LINE_VALUES
};

/* The same of layouts.head_layout. CLP10 is not read. */
enum {
    C_CONTROL, C_STATUS, C_CHARGE, C_PAYMENT, C_OWED, C_FILING, C_PAYER_CONTROL, C_FACILITY, C_FREQUENCY, C_UNREAD, C_DRG,
    C_WEIGHT, C_LAST, C_GIVEN, C_MIDDLE, C_MEMBER_QUALIFIER, C_MEMBER, C_RENDERING_LAST, C_RENDERING_GIVEN,
    C_RENDERING_MIDDLE, C_RENDERING_QUALIFIER, C_RENDERING, C_FIRST_DAY, C_LAST_DAY, C_RECEIVED, C_ENDED, C_COVERAGE,
    C_REMARKS, HEAD_VALUES
};

typedef struct {
    Py_ssize_t place; /* -1: the empty element at the end */
    Py_ssize_t length;
    char *text;
} Check;

typedef struct {
    Py_ssize_t elements;
    Py_ssize_t segments;
    Py_ssize_t checks;
    Check *check;
    Py_ssize_t value[HEAD_VALUES]; /* a line has fewer */
    Py_ssize_t triplets;
    Py_ssize_t triplet[MOST_TRIPLETS][3]; /* group, reason, amount */
    PyObject *kept;                       /* spans that go to `more`; an empty tuple for most */
} Plan;

/* An element, or a stretch of text: where it starts and how long it is. */
typedef struct {
    const char *text;
    Py_ssize_t length;
} Span;

/* What stays the same for all lines of a claim. */
typedef struct {
    PyObject *more, *payment, *claim, *element, *plans, *dates, *procedures, *units, *lines, *adjustments;
    PyObject *claim_level, *line_level, *one; /* "C", "L" and "1" */
    PyObject *groups;                         /* the known ones; NULL where they are looked at later */
    Span patient;                             /* the group that says what the patient owes */
    char separator;
} Setting;

/* What the lines of a claim come to. The two days are there when `dated`. */
typedef struct {
    long long adjusted, owed, charged;
    Py_ssize_t segments;
    int dated;
    PyObject *earliest, *latest;
} Sums;

static void free_plan(Plan *plan) {
    if (plan == NULL) return;
    if (plan->check != NULL)
        for (Py_ssize_t n = 0; n < plan->checks; n++) PyMem_Free(plan->check[n].text);
    PyMem_Free(plan->check);
    Py_XDECREF(plan->kept);
    PyMem_Free(plan);
}

static void free_capsule(PyObject *capsule) { free_plan(PyCapsule_GetPointer(capsule, PLAN)); }

/* A tuple's item as a place in a line of so many elements. */
static int place_of(PyObject *tuple, Py_ssize_t number, Py_ssize_t elements, Py_ssize_t *place) {
    PyObject *item = PyTuple_GetItem(tuple, number);
    if (item == NULL) return -1;
    *place = PyLong_AsSsize_t(item);
    if (*place == -1 && PyErr_Occurred()) return -1;
    if (*place < -1 || *place >= elements) {
        PyErr_SetString(PyExc_ValueError, "a place outside of the line");
        return -1;
    }
    return 0;
}

static int fill_checks(Plan *plan, PyObject *places, PyObject *expected) {
    plan->checks = PyTuple_Size(places);
    if (plan->checks < 0 || PyTuple_Size(expected) != plan->checks) {
        if (!PyErr_Occurred()) PyErr_SetString(PyExc_ValueError, "a text is expected at every checked place");
        plan->checks = 0;
        return -1;
    }
    plan->check = PyMem_Calloc((size_t)plan->checks + 1, sizeof(Check));
    if (plan->check == NULL) {
        PyErr_NoMemory();
        return -1;
    }
    for (Py_ssize_t n = 0; n < plan->checks; n++) {
        Check *check = &plan->check[n];
        if (place_of(places, n, plan->elements, &check->place) < 0) return -1;
        PyObject *text = PyTuple_GetItem(expected, n);
        const char *found = text == NULL ? NULL : PyUnicode_AsUTF8AndSize(text, &check->length);
        if (found == NULL) return -1;
        check->text = PyMem_Malloc((size_t)check->length + 1);
        if (check->text == NULL) {
            PyErr_NoMemory();
            return -1;
        }
        memcpy(check->text, found, (size_t)check->length);
    }
    return 0;
}

static int fill_triplets(Plan *plan, PyObject *triplets) {
    plan->triplets = PyTuple_Size(triplets);
    if (plan->triplets < 0) return -1;
    if (plan->triplets > MOST_TRIPLETS) {
        PyErr_SetString(PyExc_ValueError, "too many adjustments");
        return -1;
    }
    for (Py_ssize_t n = 0; n < plan->triplets; n++) {
        PyObject *triplet = PyTuple_GetItem(triplets, n);
        for (Py_ssize_t part = 0; part < 3; part++)
            if (triplet == NULL || place_of(triplet, part, plan->elements, &plan->triplet[n][part]) < 0) return -1;
    }
    return 0;
}

/* plan(elements, segments, checked, expected, values, triplets, kept) -> plan of a claim's head or of a line */
static PyObject *new_plan(PyObject *module, PyObject *arguments) {
    PyObject *checked, *expected, *values, *triplets, *kept;
    Py_ssize_t elements, segments;
    (void)module;
    if (!PyArg_ParseTuple(arguments, "nnO!O!O!O!O!", &elements, &segments, &PyTuple_Type, &checked, &PyTuple_Type, &expected,
                          &PyTuple_Type, &values, &PyTuple_Type, &triplets, &PyTuple_Type, &kept))
        return NULL;
    Py_ssize_t count = PyTuple_Size(values);
    if (elements < 1 || elements > MOST_ELEMENTS || (count != LINE_VALUES && count != HEAD_VALUES))
        return PyErr_Format(PyExc_ValueError, "no plan for %zd elements", elements);
    Plan *plan = PyMem_Calloc(1, sizeof(Plan));
    if (plan == NULL) return PyErr_NoMemory();
    plan->elements = elements;
    plan->segments = segments;
    Py_INCREF(kept);
    plan->kept = kept;
    int failed = fill_checks(plan, checked, expected) < 0 || fill_triplets(plan, triplets) < 0;
    for (Py_ssize_t n = 0; !failed && n < count; n++) failed = place_of(values, n, elements, &plan->value[n]) < 0;
    PyObject *capsule = failed ? NULL : PyCapsule_New(plan, PLAN, free_capsule);
    if (capsule == NULL) free_plan(plan);
    return capsule;
}

/* Cents of a plain amount (`12`, `-12.3`, `12.34`); 0 when it is none, and pure Python must look at it. */
static int cents(Span amount, long long *found) {
    const char *at = amount.text, *end = at + amount.length;
    int negative = at < end && *at == '-';
    long long value = 0;
    at += negative;
    const char *whole = at;
    while (at < end && *at >= '0' && *at <= '9' && at - whole <= MOST_DIGITS) value = value * 10 + (*at++ - '0');
    if (at == whole || at - whole > MOST_DIGITS) return 0;
    value *= 100;
    if (at < end) {
        if (*at++ != '.' || end - at > 2) return 0;
        for (int unit = 10; at < end; unit = 1) {
            if (*at < '0' || *at > '9') return 0;
            value += unit * (*at++ - '0');
        }
    }
    *found = negative ? -value : value;
    return 1;
}

/* Short texts repeat: codes, days, procedures, a line's units. Each place keeps the last one that fell on it. */
static struct {
    Py_ssize_t length;
    char text[MOST_REMEMBERED];
    PyObject *object;
} remembered[REMEMBERED];

static PyObject *text_of(Span span) {
    if (span.length > MOST_REMEMBERED) return PyUnicode_FromStringAndSize(span.text, span.length);
    unsigned int hash = (unsigned int)span.length;
    for (Py_ssize_t n = 0; n < span.length; n++) hash = hash * 31 + (unsigned char)span.text[n];
    hash = (hash ^ hash >> 10) % REMEMBERED;
    if (remembered[hash].object != NULL && remembered[hash].length == span.length &&
        memcmp(remembered[hash].text, span.text, (size_t)span.length) == 0)
        return Py_NewRef(remembered[hash].object);
    PyObject *found = PyUnicode_FromStringAndSize(span.text, span.length);
    if (found == NULL) return NULL;
    PyObject *before = remembered[hash].object;
    remembered[hash].object = Py_NewRef(found);
    remembered[hash].length = span.length;
    memcpy(remembered[hash].text, span.text, (size_t)span.length);
    Py_XDECREF(before);
    return found;
}

static PyObject *text_or_none(Span span) { return span.length ? text_of(span) : Py_NewRef(Py_None); }

/* The value a dictionary has for an element; NULL without an exception when it has none. */
static PyObject *known(PyObject *dictionary, Span span) {
    PyObject *key = text_of(span);
    if (key == NULL) return NULL;
    PyObject *found = PyDict_GetItemWithError(dictionary, key);
    Py_DECREF(key);
    return Py_XNewRef(found);
}

/* The elements of a line; their number, 0 when there are too many. */
static Py_ssize_t split(const char *text, Py_ssize_t length, char separator, Span *spans) {
    Py_ssize_t count = 0;
    const char *end = text + length;
    while (count < MOST_ELEMENTS) {
        const char *stop = memchr(text, separator, (size_t)(end - text));
        spans[count].text = text;
        spans[count].length = (stop == NULL ? end : stop) - text;
        count++;
        if (stop == NULL) return count;
        text = stop + 1;
    }
    return 0;
}

static Span at(const Plan *plan, const Span *spans, Py_ssize_t place) {
    return spans[place < 0 ? plan->elements - 1 : place];
}

static int fits(const Plan *plan, const Span *spans) {
    for (Py_ssize_t n = 0; n < plan->checks; n++) {
        const Check *check = &plan->check[n];
        Span span = at(plan, spans, check->place);
        if (span.length != check->length || memcmp(span.text, check->text, (size_t)span.length) != 0) return 0;
    }
    return 1;
}

/* The plan of a head or a line with these elements; NULL when there is none, or with an exception. */
static const Plan *plan_of(PyObject *known, const Span *spans, Py_ssize_t elements) {
    PyObject *number = PyLong_FromSsize_t(elements);
    if (number == NULL) return NULL;
    PyObject *plans = PyDict_GetItemWithError(known, number);
    Py_DECREF(number);
    Py_ssize_t count = plans == NULL ? 0 : PyList_Size(plans);
    for (Py_ssize_t n = 0; n < count; n++) {
        PyObject *capsule = PyList_GetItem(plans, n);
        const Plan *plan = capsule == NULL ? NULL : PyCapsule_GetPointer(capsule, PLAN);
        if (plan == NULL) return NULL;
        if (plan->elements == elements && fits(plan, spans)) return plan;
    }
    return NULL;
}

/* Puts values into a tuple, which takes the references, and the tuple into a list. -1 with an exception. */
static int append(PyObject *list, PyObject **values, Py_ssize_t count) {
    int failed = 0;
    for (Py_ssize_t n = 0; n < count; n++) failed |= values[n] == NULL;
    PyObject *row = failed ? NULL : PyTuple_New(count);
    for (Py_ssize_t n = 0; n < count; n++) {
        if (row == NULL) Py_XDECREF(values[n]);
        else PyTuple_SetItem(row, n, values[n]);
    }
    if (row == NULL) return -1;
    failed = PyList_Append(list, row);
    Py_DECREF(row);
    return failed;
}

static int same(Span one, Span other) {
    return one.length == other.length && memcmp(one.text, other.text, (size_t)one.length) == 0;
}

/* `number` is the line's, or NULL for the claim's own adjustments. 0: pure Python must look at a group. */
static int append_adjustments(const Setting *setting, const Plan *plan, const Span *spans, PyObject *number,
                              const long long *changes, Sums *sums) {
    for (Py_ssize_t n = 0; n < plan->triplets; n++) {
        Span group = at(plan, spans, plan->triplet[n][0]);
        if (same(group, setting->patient)) sums->owed += changes[n];
        PyObject *values[ADJUSTMENT_COLUMNS] = {
            Py_NewRef(setting->payment),
            Py_NewRef(number == NULL ? setting->claim_level : setting->line_level),
            Py_NewRef(setting->claim),
            Py_NewRef(number == NULL ? Py_None : number),
            text_of(group),
            text_of(at(plan, spans, plan->triplet[n][1])),
            PyLong_FromLongLong(changes[n]),
            Py_NewRef(Py_None),
        };
        int known_group = setting->groups == NULL || values[4] == NULL ? 1 : PySet_Contains(setting->groups, values[4]);
        if (append(setting->adjustments, values, ADJUSTMENT_COLUMNS) < 0 || known_group < 0) return -1;
        if (!known_group) return 0;
    }
    return 1;
}

/* The segments without a column of their own, as the check's `more` writes them. */
static PyObject *more_of(const Setting *setting, const Plan *plan, Span stretch) {
    if (PyTuple_Size(plan->kept) == 0) return Py_NewRef(Py_None);
    PyObject *text = text_of(stretch);
    PyObject *elements = text == NULL ? NULL : PyUnicode_Split(text, setting->element, -1);
    PyObject *found = elements == NULL ? NULL : PyObject_CallFunctionObjArgs(setting->more, elements, plan->kept, NULL);
    Py_XDECREF(elements);
    Py_XDECREF(text);
    return found;
}

/* What is looked up for a line; -1 with an exception, 0 when something is not known yet, else 1. */
static int look_up(const Setting *setting, const Span *value, PyObject **procedure, PyObject **from, PyObject **to,
                   PyObject **units) {
    *from = value[FIRST_DAY].length ? known(setting->dates, value[FIRST_DAY]) : Py_NewRef(Py_None);
    if (*from == NULL) return PyErr_Occurred() ? -1 : 0;
    if (value[LAST_DAY].text == value[FIRST_DAY].text) *to = Py_NewRef(*from);
    else *to = value[LAST_DAY].length ? known(setting->dates, value[LAST_DAY]) : Py_NewRef(Py_None);
    if (*to == NULL) return PyErr_Occurred() ? -1 : 0;
    *units = value[UNITS].length ? known(setting->units, value[UNITS]) : Py_NewRef(setting->one);
    if (*units == NULL) return PyErr_Occurred() ? -1 : 0;
    *procedure = known(setting->procedures, value[COMPOSITE]);
    if (*procedure == NULL) return PyErr_Occurred() ? -1 : 0;
    return PyTuple_Check(*procedure) && PyTuple_Size(*procedure) == 4;
}

/* SVC04, or the procedure when it is a revenue code itself. */
static PyObject *revenue_of(Span revenue, PyObject *procedure) {
    if (revenue.length) return text_of(revenue);
    PyObject *qualifier = PyTuple_GetItem(procedure, 0);
    if (PyUnicode_Check(qualifier) && PyUnicode_CompareWithASCIIString(qualifier, "NU") == 0)
        return Py_NewRef(PyTuple_GetItem(procedure, 1));
    return Py_NewRef(Py_None);
}

/* The elements of a head or a line, fitted to their plan; NULL when pure Python must read it, or with an exception. */
static const Plan *fit(const Setting *setting, PyObject *plans, Span text, Span *spans, Span *value, Py_ssize_t values) {
    Py_ssize_t elements = split(text.text, text.length, setting->separator, spans);
    const Plan *plan = elements ? plan_of(plans, spans, elements) : NULL;
    for (Py_ssize_t n = 0; plan != NULL && n < values; n++) value[n] = at(plan, spans, plan->value[n]);
    return plan;
}

/* The amounts of a plan's adjustments and their sum; 0 when pure Python must look at one. */
static int changes_of(const Plan *plan, const Span *spans, long long *changes, long long *adjusted) {
    *adjusted = 0;
    for (Py_ssize_t n = 0; n < plan->triplets; n++) {
        if (!cents(at(plan, spans, plan->triplet[n][2]), &changes[n])) return 0;
        *adjusted += changes[n];
    }
    return 1;
}

static void replace(PyObject **held, PyObject *value) {
    PyObject *before = *held;
    *held = Py_NewRef(value);
    Py_XDECREF(before);
}

/* Widens the days of a claim's lines by those of one. */
static void widen(Sums *sums, PyObject *from, PyObject *to) {
    PyObject *last = to != Py_None ? to : from;
    if (from != Py_None && (sums->earliest == NULL || PyUnicode_Compare(from, sums->earliest) < 0))
        replace(&sums->earliest, from);
    if (last != Py_None && (sums->latest == NULL || PyUnicode_Compare(last, sums->latest) > 0))
        replace(&sums->latest, last);
}

/* Reads one line. 1: its rows are in the lists and the sums are raised; 0: pure Python must read it; -1 with an exception. */
static int read_line(const Setting *setting, Span text, Py_ssize_t number, Sums *sums) {
    Span spans[MOST_ELEMENTS], value[LINE_VALUES];
    long long changes[MOST_TRIPLETS], charged, paid, allowed = 0, adjusted;
    const Plan *plan = fit(setting, setting->plans, text, spans, value, LINE_VALUES);
    if (plan == NULL) return PyErr_Occurred() ? -1 : 0;
    if (!changes_of(plan, spans, changes, &adjusted)) return 0;
    if (!cents(value[CHARGE], &charged) || !cents(value[PAYMENT], &paid) || charged - adjusted != paid) return 0;
    if (value[ALLOWED].length && !cents(value[ALLOWED], &allowed)) return 0;

    PyObject *procedure = NULL, *from = NULL, *to = NULL, *units = NULL, *position = NULL;
    int done = look_up(setting, value, &procedure, &from, &to, &units);
    if (done > 0) {
        position = PyLong_FromSsize_t(number);
        done = position == NULL ? -1 : append_adjustments(setting, plan, spans, position, changes, sums);
    }
    if (done > 0) {
        PyObject *row[LINE_COLUMNS] = {
            Py_NewRef(setting->payment),
            Py_NewRef(setting->claim),
            Py_NewRef(position),
            Py_NewRef(PyTuple_GetItem(procedure, 0)),
            Py_NewRef(PyTuple_GetItem(procedure, 1)),
            Py_NewRef(PyTuple_GetItem(procedure, 2)),
            Py_NewRef(PyTuple_GetItem(procedure, 3)),
            Py_NewRef(Py_None), /* submitted procedure: such a line is not usual */
            PyLong_FromLongLong(charged),
            PyLong_FromLongLong(paid),
            PyLong_FromLongLong(adjusted),
            revenue_of(value[REVENUE], procedure),
            Py_NewRef(units),
            Py_NewRef(Py_None), /* submitted units */
            Py_NewRef(from),
            Py_NewRef(to),
            value[ALLOWED].length ? PyLong_FromLongLong(allowed) : Py_NewRef(Py_None),
            text_or_none(value[CONTROL]),
            text_or_none(value[RENDERING]),
            text_or_none(value[REMARKS]),
            Py_NewRef(Py_True), /* balanced */
            more_of(setting, plan, text),
        };
        done = append(setting->lines, row, LINE_COLUMNS) < 0 ? -1 : 1;
        sums->adjusted += adjusted;
        sums->charged += charged;
        sums->segments += plan->segments;
        if (sums->dated) widen(sums, from, to);
    }
    Py_XDECREF(procedure);
    Py_XDECREF(from);
    Py_XDECREF(to);
    Py_XDECREF(units);
    Py_XDECREF(position);
    return done;
}

/* Whether `strip` would leave a text as it is. */
static int bare(Span span) {
    if (span.length == 0) return 1;
    unsigned char first = (unsigned char)span.text[0], last = (unsigned char)span.text[span.length - 1];
    return first > ' ' && first < 127 && last > ' ' && last < 127;
}

static Py_ssize_t put(char *name, Py_ssize_t at, Span text) {
    memcpy(name + at, text.text, (size_t)text.length);
    return at + text.length;
}

/* `LAST, FIRST MIDDLE`, as CheckReader.name makes it. The caller has seen that it fits and that nothing is to be stripped. */
static PyObject *name_of(Span last, Span given, Span middle) {
    char name[MOST_LETTERS + 4];
    if (last.length == 0) return Py_NewRef(Py_None);
    Py_ssize_t length = put(name, 0, last);
    if (given.length || middle.length) {
        name[length++] = ',';
        name[length++] = ' ';
    }
    length = put(name, length, given);
    if (given.length && middle.length) name[length++] = ' ';
    length = put(name, length, middle);
    return PyUnicode_FromStringAndSize(name, length);
}

/* The day a dictionary has for an element, None for an empty one; 0 when it has none yet, -1 with an exception. */
static int day_of(const Setting *setting, Span span, PyObject **day) {
    *day = span.length ? known(setting->dates, span) : Py_NewRef(Py_None);
    return *day != NULL ? 1 : PyErr_Occurred() ? -1 : 0;
}

static PyObject *amount_or_none(Span span, long long amount) {
    return span.length ? PyLong_FromLongLong(amount) : Py_NewRef(Py_None);
}

/* A claim's text, cut at `line_start`: its head, then its lines from `*rest` on. */
static Span cut(const char **rest, const char *end, const char *line_start, Py_ssize_t start_length) {
    Span found = {*rest, 0};
    const char *at = *rest;
    while ((at = memchr(at, line_start[0], (size_t)(end - at))) != NULL) {
        if (end - at >= start_length && memcmp(at, line_start, (size_t)start_length) == 0) {
            found.length = at - found.text;
            *rest = at + start_length;
            return found;
        }
        at++;
    }
    found.length = end - found.text;
    *rest = NULL;
    return found;
}

/* What is the same for all claims of a check. */
typedef struct {
    Setting lines;
    PyObject *plans, *claims, *lx, *statuses;
    Span reversal; /* the status that need not repeat what the patient owed */
    const char *line_start;
    Py_ssize_t start_length;
} Claims;

/* The row of a claim whose lines have been read; as read_line. */
static int append_claim(const Claims *check, const Plan *plan, const Span *value, Span head, const Sums *sums,
                        const long long *amounts, Py_ssize_t lines) {
    const Setting *setting = &check->lines;
    PyObject *from = NULL, *to = NULL, *received = NULL, *ended = NULL;
    int done = day_of(setting, value[C_FIRST_DAY], &from);
    if (done > 0) done = day_of(setting, value[C_LAST_DAY], &to);
    if (done > 0) done = day_of(setting, value[C_RECEIVED], &received);
    if (done > 0) done = day_of(setting, value[C_ENDED], &ended);
    if (done > 0 && from == Py_None) { /* then the lines' days count */
        if (to == Py_None && sums->latest != NULL) replace(&to, sums->latest);
        if (sums->earliest != NULL) replace(&from, sums->earliest);
    }
    if (done > 0 && to == Py_None) replace(&to, from);
    if (done > 0) {
        Span qualifier = value[C_RENDERING_QUALIFIER];
        int npi = qualifier.length == 2 && memcmp(qualifier.text, "XX", 2) == 0;
        PyObject *row[CLAIM_COLUMNS] = {
            Py_NewRef(setting->payment),
            Py_NewRef(setting->claim),
            Py_NewRef(check->lx),
            text_of(value[C_CONTROL]),
            text_of(value[C_STATUS]),
            PyLong_FromLongLong(amounts[C_CHARGE]),
            PyLong_FromLongLong(amounts[C_PAYMENT]),
            amount_or_none(value[C_OWED], amounts[C_OWED]),
            Py_NewRef(Py_None), /* patient adjusted: worked out for the whole check */
            PyLong_FromLongLong(sums->adjusted),
            text_or_none(value[C_FILING]),
            text_or_none(value[C_PAYER_CONTROL]),
            text_or_none(value[C_FACILITY]),
            text_or_none(value[C_FREQUENCY]),
            text_or_none(value[C_DRG]),
            text_or_none(value[C_WEIGHT]),
            text_or_none(value[C_LAST]),
            text_or_none(value[C_GIVEN]),
            text_or_none(value[C_MIDDLE]),
            text_or_none(value[C_MEMBER_QUALIFIER]),
            text_or_none(value[C_MEMBER]),
            Py_NewRef(Py_None), /* subscriber and corrected patient: such a claim is not usual */
            Py_NewRef(Py_None),
            Py_NewRef(Py_None),
            Py_NewRef(Py_None),
            name_of(value[C_RENDERING_LAST], value[C_RENDERING_GIVEN], value[C_RENDERING_MIDDLE]),
            npi ? text_or_none(value[C_RENDERING]) : Py_NewRef(Py_None),
            Py_NewRef(from),
            Py_NewRef(to),
            Py_NewRef(received),
            Py_NewRef(ended),
            amount_or_none(value[C_COVERAGE], amounts[C_COVERAGE]),
            text_or_none(value[C_REMARKS]),
            PyLong_FromSsize_t(lines),
            Py_NewRef(Py_True), /* balanced */
            more_of(setting, plan, head),
        };
        done = append(check->claims, row, CLAIM_COLUMNS) < 0 ? -1 : 1;
    }
    Py_XDECREF(from);
    Py_XDECREF(to);
    Py_XDECREF(received);
    Py_XDECREF(ended);
    return done;
}

/* Reads the claim's head and then its lines; as read_line, but rows of a claim that is given up stay in the lists. */
static int read_head_and_lines(const Claims *check, Span text, Sums *sums, long long *paid) {
    const Setting *setting = &check->lines;
    Span spans[MOST_ELEMENTS], value[HEAD_VALUES];
    long long changes[MOST_TRIPLETS], amounts[HEAD_VALUES] = {0}, adjusted;
    const char *rest = text.text, *end = text.text + text.length;
    Span head = cut(&rest, end, check->line_start, check->start_length);
    const Plan *plan = fit(setting, check->plans, head, spans, value, HEAD_VALUES);
    if (plan == NULL) return PyErr_Occurred() ? -1 : 0;
    if (!changes_of(plan, spans, changes, &adjusted)) return 0;
    if (!cents(value[C_CHARGE], &amounts[C_CHARGE]) || !cents(value[C_PAYMENT], &amounts[C_PAYMENT])) return 0;
    for (int n = C_OWED; n <= C_COVERAGE; n += C_COVERAGE - C_OWED)
        if (value[n].length && !cents(value[n], &amounts[n])) return 0;
    if (!value[C_CONTROL].length || !value[C_STATUS].length || !value[C_PAYER_CONTROL].length) return 0;
    if (!bare(value[C_CONTROL]) || !bare(value[C_PAYER_CONTROL]) || !bare(value[C_MEMBER])) return 0;
    Span last = value[C_RENDERING_LAST], given = value[C_RENDERING_GIVEN], middle = value[C_RENDERING_MIDDLE];
    if (last.length + given.length + middle.length > MOST_LETTERS || !bare(given) || !bare(middle)) return 0;

    PyObject *status = text_of(value[C_STATUS]);
    int known_status = status == NULL ? -1 : PySet_Contains(check->statuses, status);
    Py_XDECREF(status);
    if (known_status <= 0) return known_status;

    sums->adjusted = adjusted;
    sums->segments = plan->segments;
    sums->dated = value[C_FIRST_DAY].length == 0;
    int done = append_adjustments(setting, plan, spans, NULL, changes, sums);
    Py_ssize_t lines = 0;
    while (done > 0 && rest != NULL)
        done = read_line(setting, cut(&rest, end, check->line_start, check->start_length), ++lines, sums);
    if (done <= 0) return done;
    if (amounts[C_OWED] != sums->owed && !same(value[C_STATUS], check->reversal)) return 0;
    if (amounts[C_CHARGE] - sums->adjusted != amounts[C_PAYMENT]) return 0;
    if (lines && amounts[C_CHARGE] != sums->charged) return 0;
    *paid = amounts[C_PAYMENT];
    return append_claim(check, plan, value, head, sums, amounts, lines);
}

/* Reads one claim. 1: its rows are in the lists; 0: pure Python must read it, and nothing is; -1 with an exception. */
static int read_claim(Claims *check, PyObject *text, Py_ssize_t number, long long *paid, Py_ssize_t *segments) {
    Setting *setting = &check->lines;
    Py_ssize_t length, lines = PyList_Size(setting->lines), adjustments = PyList_Size(setting->adjustments);
    const char *data = PyUnicode_AsUTF8AndSize(text, &length);
    if (data == NULL) return -1;
    setting->claim = PyLong_FromSsize_t(number);
    if (setting->claim == NULL) return -1;
    Sums sums = {0};
    long long claim_paid = 0;
    int done = read_head_and_lines(check, (Span){data, length}, &sums, &claim_paid);
    if (done > 0) {
        *paid += claim_paid;
        *segments += sums.segments;
    }
    if (done == 0 && (PyList_SetSlice(setting->lines, lines, PY_SSIZE_T_MAX, NULL) < 0 ||
                      PyList_SetSlice(setting->adjustments, adjustments, PY_SSIZE_T_MAX, NULL) < 0))
        done = -1;
    Py_XDECREF(sums.earliest);
    Py_XDECREF(sums.latest);
    Py_CLEAR(setting->claim);
    return done;
}

/* The separator and the texts that all rows share; -1 with an exception. `finish` gives them back. */
static int prepare(Setting *setting) {
    Py_ssize_t length;
    const char *separator = PyUnicode_AsUTF8AndSize(setting->element, &length);
    if (separator == NULL) return -1;
    if (length != 1) {
        PyErr_SetString(PyExc_ValueError, "an ASCII separator is needed");
        return -1;
    }
    setting->separator = separator[0];
    setting->claim_level = PyUnicode_InternFromString("C");
    setting->line_level = PyUnicode_InternFromString("L");
    setting->one = PyUnicode_InternFromString("1");
    return setting->claim_level != NULL && setting->line_level != NULL && setting->one != NULL ? 0 : -1;
}

static void finish(Setting *setting) {
    Py_XDECREF(setting->claim_level);
    Py_XDECREF(setting->line_level);
    Py_XDECREF(setting->one);
}

static int span_of(PyObject *text, Span *span) {
    span->text = PyUnicode_AsUTF8AndSize(text, &span->length);
    return span->text == NULL ? -1 : 0;
}

/* read_claims(more, texts, first, payment, lx, element, line_start, head plans, line plans, dates, procedures, units, claims,
               lines, adjustments, groups, statuses, patient, reversal)
   -> index of the first text not read, cents paid for the claims read, segments read

   `texts` are those of a check's claims; claims are read from index `first` on, up to one that is not usual. Nor is one whose
   status or a group of whose adjustments is not among those known, whose lines do not charge what it does, or whose adjustments of
   the group `patient` do not come to what the patient owes, unless its status is `reversal`. */
static PyObject *read_claims(PyObject *module, PyObject *arguments) {
    Claims check = {0};
    Setting *setting = &check.lines;
    PyObject *texts, *line_start, *patient, *reversal;
    Py_ssize_t number, segments = 0;
    long long paid = 0;
    (void)module;
    if (!PyArg_ParseTuple(arguments, "OO!nOOUUO!O!O!O!O!O!O!O!O!O!UU", &setting->more, &PyList_Type, &texts, &number,
                          &setting->payment, &check.lx, &setting->element, &line_start, &PyDict_Type, &check.plans,
                          &PyDict_Type, &setting->plans, &PyDict_Type, &setting->dates, &PyDict_Type, &setting->procedures,
                          &PyDict_Type, &setting->units, &PyList_Type, &check.claims, &PyList_Type, &setting->lines,
                          &PyList_Type, &setting->adjustments, &PyFrozenSet_Type, &setting->groups, &PyFrozenSet_Type,
                          &check.statuses, &patient, &reversal))
        return NULL;
    if (span_of(patient, &setting->patient) < 0 || span_of(reversal, &check.reversal) < 0) return NULL;
    check.line_start = PyUnicode_AsUTF8AndSize(line_start, &check.start_length);
    int done = check.line_start == NULL || prepare(setting) < 0 ? -1 : 1;
    if (done > 0 && (check.start_length < 1 || number < 0)) {
        PyErr_SetString(PyExc_ValueError, "the start of a line and the index of a claim are needed");
        done = -1;
    }
    for (; done > 0 && number < PyList_Size(texts); number++) {
        PyObject *text = PyList_GetItem(texts, number);
        done = text == NULL ? -1 : read_claim(&check, text, number + 1, &paid, &segments);
        if (done <= 0) break;
    }
    finish(setting);
    return done < 0 ? NULL : Py_BuildValue("nLn", number, paid, segments);
}

/* read_lines(more, texts, first, payment, claim, element, plans, dates, procedures, units, lines, adjustments)
   -> number of the first line not read, cents of the adjustments read, segments read

   `texts` are those of the claim, its head first; lines are read from `first` on, up to one that is not usual. */
static PyObject *read_lines(PyObject *module, PyObject *arguments) {
    Setting setting = {0};
    Sums sums = {0};
    PyObject *texts;
    Py_ssize_t number;
    (void)module;
    if (!PyArg_ParseTuple(arguments, "OO!nOOUO!O!O!O!O!O!", &setting.more, &PyList_Type, &texts, &number, &setting.payment,
                          &setting.claim, &setting.element, &PyDict_Type, &setting.plans, &PyDict_Type, &setting.dates,
                          &PyDict_Type, &setting.procedures, &PyDict_Type, &setting.units, &PyList_Type, &setting.lines,
                          &PyList_Type, &setting.adjustments))
        return NULL;
    setting.patient.text = ""; /* what the patient owes is summed by the caller */
    int done = prepare(&setting) < 0 ? -1 : 1;
    if (done > 0 && number < 1) {
        PyErr_SetString(PyExc_ValueError, "the number of a line is needed");
        done = -1;
    }
    for (; done > 0 && number < PyList_Size(texts); number++) {
        Span line = {NULL, 0};
        PyObject *text = PyList_GetItem(texts, number);
        if (text != NULL) line.text = PyUnicode_AsUTF8AndSize(text, &line.length);
        done = line.text == NULL ? -1 : read_line(&setting, line, number, &sums);
        if (done <= 0) break;
    }
    finish(&setting);
    return done < 0 ? NULL : Py_BuildValue("nLn", number, sums.adjusted, sums.segments);
}

static PyMethodDef methods[] = {
    {"plan", new_plan, METH_VARARGS, "Where in claims' heads or lines of one layout the values stand."},
    {"read_claims", read_claims, METH_VARARGS, "Reads a check's claims up to one that is not usual."},
    {"read_lines", read_lines, METH_VARARGS, "Reads a claim's lines up to one that is not usual."},
    {NULL, NULL, 0, NULL},
};

static int add_version(PyObject *module) { return PyModule_AddIntConstant(module, "VERSION", VERSION); }

static PyModuleDef_Slot slots[] = {{Py_mod_exec, add_version}, {0, NULL}};

static struct PyModuleDef definition = {PyModuleDef_HEAD_INIT, "_fast_claims", NULL, 0, methods, slots, NULL, NULL, NULL};

PyMODINIT_FUNC PyInit__fast_claims(void) { return PyModuleDef_Init(&definition); }
