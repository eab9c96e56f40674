package main

import (
	"fmt"
	"runtime"
	"unsafe"

	"github.com/ebitengine/purego"
)

// library is the C interface of libchdb.so, as far as it is used.
type library struct {
	connect                  func(argc int32, argv **byte) unsafe.Pointer
	closeConn                func(conn *unsafe.Pointer)
	shutdown                 func() int32
	setSignalHandlersEnabled func(on int32)

	query           func(conn unsafe.Pointer, q *byte, qn uintptr, format *byte, fn uintptr) unsafe.Pointer
	queryWithParams func(conn unsafe.Pointer, q *byte, qn uintptr, format *byte, fn uintptr,
		names **byte, nameLens *uintptr, values **byte, valueLens *uintptr, count uintptr) unsafe.Pointer
	resultBuffer       func(result unsafe.Pointer) unsafe.Pointer
	resultLength       func(result unsafe.Pointer) uintptr
	resultError        func(result unsafe.Pointer) string
	destroyQueryResult func(result unsafe.Pointer)

	streamInsert        func(conn unsafe.Pointer, q *byte, qn uintptr, format *byte, fn uintptr) unsafe.Pointer
	streamAppend        func(stream unsafe.Pointer, data *byte, n uintptr) int32
	streamDone          func(stream unsafe.Pointer) unsafe.Pointer
	streamInsertError   func(stream unsafe.Pointer) string
	destroyInsertStream func(stream unsafe.Pointer)
}

// loadLibrary opens libchdb.so and binds every symbol, so that a library without one of them is
// refused at start and not in the middle of an insert.
func loadLibrary(path string) (*library, error) {
	handle, err := purego.Dlopen(path, purego.RTLD_NOW|purego.RTLD_GLOBAL)
	if err != nil {
		return nil, fmt.Errorf("load the ClickHouse engine: %w", err)
	}
	l := &library{}
	for _, b := range []struct {
		fn     any
		symbol string
	}{
		{&l.connect, "chdb_connect"},
		{&l.closeConn, "chdb_close_conn"},
		{&l.shutdown, "chdb_shutdown"},
		{&l.setSignalHandlersEnabled, "chdb_set_signal_handlers_enabled"},
		{&l.query, "chdb_query_n"},
		{&l.queryWithParams, "chdb_query_with_params_n"},
		{&l.resultBuffer, "chdb_result_buffer"},
		{&l.resultLength, "chdb_result_length"},
		{&l.resultError, "chdb_result_error"},
		{&l.destroyQueryResult, "chdb_destroy_query_result"},
		{&l.streamInsert, "chdb_stream_insert_n"},
		{&l.streamAppend, "chdb_stream_append"},
		{&l.streamDone, "chdb_stream_done"},
		{&l.streamInsertError, "chdb_stream_insert_error"},
		{&l.destroyInsertStream, "chdb_destroy_insert_stream"},
	} {
		address, err := purego.Dlsym(handle, b.symbol)
		if err != nil {
			return nil, fmt.Errorf("%s is not a ClickHouse engine of version 26.7: %s is missing", path, b.symbol)
		}
		purego.RegisterFunc(b.fn, address)
	}
	return l, nil
}

// connectTo opens a connection with a command line; nil when the engine refuses.
func (l *library) connectTo(args ...string) *unsafe.Pointer {
	argv := make([]*byte, len(args))
	for i, a := range args {
		b := append([]byte(a), 0)
		argv[i] = &b[0]
	}
	var pins runtime.Pinner
	defer pins.Unpin()
	for _, p := range argv {
		pins.Pin(p)
	}
	handle := (*unsafe.Pointer)(l.connect(int32(len(argv)), &argv[0]))
	if handle == nil || *handle == nil {
		return nil
	}
	return handle
}

// queryParams runs a statement with {name:Type} parameters, whose values are escaped text.
func (l *library) queryParams(conn unsafe.Pointer, q, format []byte, params map[string]string) unsafe.Pointer {
	var pins runtime.Pinner
	defer pins.Unpin()
	n := len(params)
	names, values := make([]*byte, 0, n), make([]*byte, 0, n)
	nameLens, valueLens := make([]uintptr, 0, n), make([]uintptr, 0, n)
	bytesOf := func(s string) *byte {
		b := append([]byte(s), 0) // never empty, so that there is an address
		pins.Pin(&b[0])
		return &b[0]
	}
	for k, v := range params {
		names, nameLens = append(names, bytesOf(k)), append(nameLens, uintptr(len(k)))
		values, valueLens = append(values, bytesOf(v)), append(valueLens, uintptr(len(v)))
	}
	return l.queryWithParams(conn, &q[0], uintptr(len(q)), &format[0], uintptr(len(format)),
		&names[0], &nameLens[0], &values[0], &valueLens[0], uintptr(n))
}
