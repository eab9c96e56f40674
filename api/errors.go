package api

import (
	"errors"
	"fmt"
)

// Code is a machine-readable reason. Codes are append-only and never change their meaning.
type Code string

// The codes, with the HTTP status each is answered with.
const (
	CodeMalformed          Code = "malformed"              // 400: not JSON, not CSV, not UTF-8
	CodeUnauthorized       Code = "unauthorized"           // 401: no or unknown credential
	CodePaymentDeclined    Code = "payment_declined"       // 402: the provider said no; decline_code says why
	CodeForbidden          Code = "forbidden"              // 403: a credential without the right
	CodeNotFound           Code = "not_found"              // 404
	CodeMethodNotAllowed   Code = "method_not_allowed"     // 405
	CodeOutOfStock         Code = "out_of_stock"           // 409: lines say what is left
	CodeCartChanged        Code = "cart_changed"           // 409: lines or prices differ from the version sent
	CodeCheckoutInProgress Code = "checkout_in_progress"   // 409: another checkout of this cart is being paid
	CodeStockReserved      Code = "stock_reserved"         // 409: below what is reserved
	CodeConflict           Code = "conflict"               // 409: the state of the thing does not allow this
	CodePrecondition       Code = "precondition_failed"    // 412: If-Match does not hold any more
	CodeTooLarge           Code = "too_large"              // 413
	CodeUnsupportedMedia   Code = "unsupported_media_type" // 415
	CodeNotLeader          Code = "not_leader"             // 421: between edge and core only
	CodeInvalid            Code = "invalid"                // 422: errors name the fields
	CodeKeyReused          Code = "idempotency_key_reused" // 422: the same key with another body
	CodeRateLimited        Code = "rate_limited"           // 429, with Retry-After
	CodeWaitingRoom        Code = "waiting_room"           // 429: room names the waiting room to take a place in
	CodeInternal           Code = "internal"               // 500: a bug; the log has the request id
	CodeNoLeader           Code = "no_leader"              // 503, with Retry-After
	CodeOverloaded         Code = "overloaded"             // 503, with Retry-After
	CodePaymentUnavailable Code = "payment_unavailable"    // 503
	CodeUnavailable        Code = "unavailable"            // 503: a dependency (files, reports) is down
	CodeOutcomeUnknown     Code = "outcome_unknown"        // 504: repeat with the same Idempotency-Key
)

var codes = map[Code]struct {
	status int
	title  string
}{
	CodeMalformed:          {400, "The request could not be read"},
	CodeUnauthorized:       {401, "Sign in first"},
	CodePaymentDeclined:    {402, "The payment was declined"},
	CodeForbidden:          {403, "Not allowed"},
	CodeNotFound:           {404, "Not found"},
	CodeMethodNotAllowed:   {405, "Method not allowed"},
	CodeOutOfStock:         {409, "Not enough in stock"},
	CodeCartChanged:        {409, "The cart has changed"},
	CodeCheckoutInProgress: {409, "This cart is already being paid for"},
	CodeStockReserved:      {409, "Stock is reserved"},
	CodeConflict:           {409, "Not possible now"},
	CodePrecondition:       {412, "Changed in the meantime"},
	CodeTooLarge:           {413, "Too large"},
	CodeUnsupportedMedia:   {415, "Unsupported media type"},
	CodeNotLeader:          {421, "Not the leader"},
	CodeInvalid:            {422, "Something needs correcting"},
	CodeKeyReused:          {422, "Idempotency key used for another request"},
	CodeRateLimited:        {429, "Too many requests"},
	CodeWaitingRoom:        {429, "Others are before you"},
	CodeInternal:           {500, "Something went wrong on our side"},
	CodeNoLeader:           {503, "No decision is possible right now"},
	CodeOverloaded:         {503, "Too busy right now"},
	CodePaymentUnavailable: {503, "Payments are not available right now"},
	CodeUnavailable:        {503, "Not available right now"},
	CodeOutcomeUnknown:     {504, "The outcome is not known yet"},
}

// Codes lists every code with its status, for the documentation.
func Codes() map[Code]int {
	m := make(map[Code]int, len(codes))
	for c, v := range codes {
		m[c] = v.status
	}
	return m
}

// Error is a refusal or failure, and on the wire a problem document (RFC 9457). Detail is a plain
// sentence for a person, with what to do next; it never holds anything internal.
type Error struct {
	Type        string       `json:"type"`
	Title       string       `json:"title"`
	Status      int          `json:"status"`
	Detail      string       `json:"detail"`
	Code        Code         `json:"code"`
	RequestID   string       `json:"request_id,omitempty"`
	Lines       []StockLine  `json:"lines,omitempty"`
	Errors      []FieldError `json:"errors,omitempty"`
	DeclineCode string       `json:"decline_code,omitempty"`
	// Room is the waiting room in which to take a place.
	Room string `json:"room,omitempty"`
	// RetryAfter is in seconds; it becomes the Retry-After header too.
	RetryAfter int `json:"retry_after,omitempty"`
	// cause is for the log only.
	cause error
}

// StockLine says what was asked for and what there is.
type StockLine struct {
	SKU       string `json:"sku"`
	Requested int64  `json:"requested"`
	Available int64  `json:"available"`
}

// FieldError names a field of the request (a path like shipping_address.city) and what is wrong with it.
type FieldError struct {
	Field   string `json:"field"`
	Message string `json:"message"`
	// Line and Column point into a file that was sent; Line counts from 1 and includes the header.
	Line   int    `json:"line,omitempty"`
	Column string `json:"column,omitempty"`
}

// NewError makes an Error with the code's status and title.
func NewError(c Code, format string, args ...any) *Error {
	v, ok := codes[c]
	if !ok {
		v = codes[CodeInternal]
	}
	e := &Error{Type: "/errors/" + string(c), Title: v.title, Status: v.status, Code: c, Detail: fmt.Sprintf(format, args...)}
	if v.status == 503 || v.status == 429 {
		e.RetryAfter = 1
	}
	return e
}

// Invalid is a 422 that names one field.
func Invalid(field, format string, args ...any) *Error {
	e := NewError(CodeInvalid, "Please correct the marked field.")
	e.Errors = []FieldError{{Field: field, Message: fmt.Sprintf(format, args...)}}
	return e
}

// InvalidFields is a 422 that names several fields.
func InvalidFields(f []FieldError) *Error {
	e := NewError(CodeInvalid, "Please correct the marked fields.")
	e.Errors = f
	return e
}

// Internal hides a cause behind a 500; the cause is for the log.
func Internal(cause error) *Error {
	e := NewError(CodeInternal, "Something went wrong on our side. Try again; if it stays, tell us the request id.")
	e.cause = cause
	return e
}

// WithCause attaches a cause for the log.
func (e *Error) WithCause(err error) *Error { e.cause = err; return e }

// Error implements error: the code, the sentence and, for the log, the cause.
func (e *Error) Error() string {
	if e.cause != nil {
		return fmt.Sprintf("%s: %s: %v", e.Code, e.Detail, e.cause)
	}
	return fmt.Sprintf("%s: %s", e.Code, e.Detail)
}

// Unwrap gives the cause.
func (e *Error) Unwrap() error { return e.cause }

// AsError finds the *Error in err; anything else becomes an internal one. nil stays nil.
func AsError(err error) *Error {
	if err == nil {
		return nil
	}
	var e *Error
	if errors.As(err, &e) {
		return e
	}
	return Internal(err)
}

// CodeOf is the code of err, or "" for nil.
func CodeOf(err error) Code {
	if err == nil {
		return ""
	}
	return AsError(err).Code
}

// Transient reports whether an answer must never be stored under an idempotency key: the same
// request may succeed when repeated.
func (e *Error) Transient() bool { return e.Status >= 500 || e.Status == 429 || e.Status == 421 }
