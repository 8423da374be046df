/* The usual service lines of an 835, read in C.

   A shortcut and no second reader: body.py says what a line means, and its pure Python reads every line that is not usual in
   each respect: a layout met before, plain amounts that balance, dates, procedures and units met before. This file knows
   no segment's name; a plan, made from a layout (see layouts.py), tells where in a line the values stand.
   The stable ABI of Python 3.11 is all it needs.
*/
#define PY_SSIZE_T_CLEAN
#ifndef Py_LIMITED_API
#define Py_LIMITED_API 0x030B0000
#endif
#include <Python.h>
#include <string.h>

#define MOST_ELEMENTS 128 /* of a line that is read here; layouts.py knows it, too */
#define MOST_TRIPLETS 64
#define MOST_DIGITS 9 /* of whole dollars: no sum of a check's amounts can overflow */
#define LINE_COLUMNS 22
#define ADJUSTMENT_COLUMNS 8
#define PLAN "hp_portal.line_plan"
#define VERSION 1 /* of what Python and C agree on; compiled.py names the one it knows */

/* Places of the values, in the order of layouts.line_layout. */
enum { COMPOSITE, CHARGE, PAYMENT, REVENUE, UNITS, FIRST_DAY, LAST_DAY, CONTROL, ALLOWED, RENDERING, REMARKS, VALUES };

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
    Py_ssize_t value[VALUES];
    Py_ssize_t triplets;
    Py_ssize_t triplet[MOST_TRIPLETS][3]; /* group, reason, amount */
    PyObject *kept;                       /* spans that go to `more`; an empty tuple for most */
} Plan;

/* An element of the line: where it starts and how long it is. */
typedef struct {
    const char *text;
    Py_ssize_t length;
} Span;

/* What stays the same for all lines of a claim. */
typedef struct {
    PyObject *more, *payment, *claim, *element, *plans, *dates, *procedures, *units, *lines, *adjustments;
    PyObject *level, *one; /* "L" and "1" */
    char separator;
} Setting;

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

/* line_plan(elements, segments, checked, expected, values, triplets, kept) -> plan */
static PyObject *line_plan(PyObject *module, PyObject *arguments) {
    PyObject *checked, *expected, *values, *triplets, *kept;
    Py_ssize_t elements, segments;
    (void)module;
    if (!PyArg_ParseTuple(arguments, "nnO!O!O!O!O!", &elements, &segments, &PyTuple_Type, &checked, &PyTuple_Type, &expected,
                          &PyTuple_Type, &values, &PyTuple_Type, &triplets, &PyTuple_Type, &kept))
        return NULL;
    if (elements < 1 || elements > MOST_ELEMENTS || PyTuple_Size(values) != VALUES)
        return PyErr_Format(PyExc_ValueError, "no plan for a line of %zd elements", elements);
    Plan *plan = PyMem_Calloc(1, sizeof(Plan));
    if (plan == NULL) return PyErr_NoMemory();
    plan->elements = elements;
    plan->segments = segments;
    Py_INCREF(kept);
    plan->kept = kept;
    int failed = fill_checks(plan, checked, expected) < 0 || fill_triplets(plan, triplets) < 0;
    for (Py_ssize_t n = 0; !failed && n < VALUES; n++) failed = place_of(values, n, elements, &plan->value[n]) < 0;
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

static PyObject *text_of(Span span) { return PyUnicode_FromStringAndSize(span.text, span.length); }

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

/* The plan of a line with these elements; NULL when there is none, or with an exception. */
static const Plan *plan_of(const Setting *setting, const Span *spans, Py_ssize_t elements) {
    PyObject *number = PyLong_FromSsize_t(elements);
    if (number == NULL) return NULL;
    PyObject *plans = PyDict_GetItemWithError(setting->plans, number);
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

static int append_adjustments(const Setting *setting, const Plan *plan, const Span *spans, PyObject *number,
                              const long long *changes) {
    for (Py_ssize_t n = 0; n < plan->triplets; n++) {
        PyObject *values[ADJUSTMENT_COLUMNS] = {
            Py_NewRef(setting->payment),
            Py_NewRef(setting->level),
            Py_NewRef(setting->claim),
            Py_NewRef(number),
            text_of(at(plan, spans, plan->triplet[n][0])),
            text_of(at(plan, spans, plan->triplet[n][1])),
            PyLong_FromLongLong(changes[n]),
            Py_NewRef(Py_None),
        };
        if (append(setting->adjustments, values, ADJUSTMENT_COLUMNS) < 0) return -1;
    }
    return 0;
}

/* The segments without a column of their own, as the check's `more` writes them. */
static PyObject *more_of(const Setting *setting, const Plan *plan, PyObject *text) {
    if (PyTuple_Size(plan->kept) == 0) return Py_NewRef(Py_None);
    PyObject *elements = PyUnicode_Split(text, setting->element, -1);
    if (elements == NULL) return NULL;
    PyObject *found = PyObject_CallFunctionObjArgs(setting->more, elements, plan->kept, NULL);
    Py_DECREF(elements);
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

/* Reads one line. 1: its rows are in the lists and `total` is raised; 0: pure Python must read it; -1 with an exception. */
static int read_line(const Setting *setting, PyObject *text, Py_ssize_t number, long long *total, Py_ssize_t *segments) {
    Span spans[MOST_ELEMENTS], value[VALUES];
    long long changes[MOST_TRIPLETS], charged, paid, allowed = 0, adjusted = 0;
    Py_ssize_t length;
    const char *data = PyUnicode_AsUTF8AndSize(text, &length);
    if (data == NULL) return -1;
    Py_ssize_t elements = split(data, length, setting->separator, spans);
    const Plan *plan = elements ? plan_of(setting, spans, elements) : NULL;
    if (plan == NULL) return PyErr_Occurred() ? -1 : 0;
    for (Py_ssize_t n = 0; n < VALUES; n++) value[n] = at(plan, spans, plan->value[n]);
    for (Py_ssize_t n = 0; n < plan->triplets; n++) {
        if (!cents(at(plan, spans, plan->triplet[n][2]), &changes[n])) return 0;
        adjusted += changes[n];
    }
    if (!cents(value[CHARGE], &charged) || !cents(value[PAYMENT], &paid) || charged - adjusted != paid) return 0;
    if (value[ALLOWED].length && !cents(value[ALLOWED], &allowed)) return 0;

    PyObject *procedure = NULL, *from = NULL, *to = NULL, *units = NULL, *position = NULL;
    int done = look_up(setting, value, &procedure, &from, &to, &units);
    if (done > 0) {
        position = PyLong_FromSsize_t(number);
        done = position != NULL && append_adjustments(setting, plan, spans, position, changes) == 0 ? 1 : -1;
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
        *total += adjusted;
        *segments += plan->segments;
    }
    Py_XDECREF(procedure);
    Py_XDECREF(from);
    Py_XDECREF(to);
    Py_XDECREF(units);
    Py_XDECREF(position);
    return done;
}

/* read_lines(more, texts, first, payment, claim, element, plans, dates, procedures, units, lines, adjustments)
   -> number of the first line not read, cents of the adjustments read, segments read

   `texts` are those of the claim, its head first; lines are read from `first` on, up to one that is not usual. */
static PyObject *read_lines(PyObject *module, PyObject *arguments) {
    Setting setting;
    PyObject *texts;
    Py_ssize_t number, segments = 0, length;
    long long total = 0;
    (void)module;
    if (!PyArg_ParseTuple(arguments, "OO!nOOUO!O!O!O!O!O!", &setting.more, &PyList_Type, &texts, &number, &setting.payment,
                          &setting.claim, &setting.element, &PyDict_Type, &setting.plans, &PyDict_Type, &setting.dates,
                          &PyDict_Type, &setting.procedures, &PyDict_Type, &setting.units, &PyList_Type, &setting.lines,
                          &PyList_Type, &setting.adjustments))
        return NULL;
    const char *separator = PyUnicode_AsUTF8AndSize(setting.element, &length);
    if (separator == NULL) return NULL;
    if (length != 1 || number < 1) {
        PyErr_SetString(PyExc_ValueError, "an ASCII separator and the number of a line are needed");
        return NULL;
    }
    setting.separator = separator[0];
    setting.level = PyUnicode_InternFromString("L");
    setting.one = PyUnicode_InternFromString("1");
    int done = setting.level != NULL && setting.one != NULL ? 1 : -1;
    for (; done > 0 && number < PyList_Size(texts); number++) {
        PyObject *text = PyList_GetItem(texts, number);
        done = text == NULL ? -1 : read_line(&setting, text, number, &total, &segments);
        if (done <= 0) break;
    }
    Py_XDECREF(setting.level);
    Py_XDECREF(setting.one);
    return done < 0 ? NULL : Py_BuildValue("nLn", number, total, segments);
}

static PyMethodDef methods[] = {
    {"line_plan", line_plan, METH_VARARGS, "Where in lines of one layout the values stand."},
    {"read_lines", read_lines, METH_VARARGS, "Reads a claim's lines up to one that is not usual."},
    {NULL, NULL, 0, NULL},
};

static int add_version(PyObject *module) { return PyModule_AddIntConstant(module, "VERSION", VERSION); }

static PyModuleDef_Slot slots[] = {{Py_mod_exec, add_version}, {0, NULL}};

static struct PyModuleDef definition = {PyModuleDef_HEAD_INIT, "_fast_lines", NULL, 0, methods, slots, NULL, NULL, NULL};

PyMODINIT_FUNC PyInit__fast_lines(void) { return PyModuleDef_Init(&definition); }
