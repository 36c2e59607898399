package main

// Just enough of a Redis client to need no package; use go-redis in earnest.

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"strconv"
	"strings"
)

// Redis is one connection.
type Redis struct {
	conn   net.Conn
	reader *bufio.Reader
}

// Dial connects to a URL such as redis://127.0.0.1:6379.
func Dial(address string) (*Redis, error) {
	target, err := url.Parse(address)
	if err != nil {
		return nil, err
	}
	port := target.Port()
	if port == "" {
		port = "6379"
	}
	conn, err := net.Dial("tcp", net.JoinHostPort(target.Hostname(), port))
	if err != nil {
		return nil, err
	}
	redis := &Redis{conn, bufio.NewReader(conn)}
	if password, ok := target.User.Password(); ok {
		words := []string{"AUTH"}
		if user := target.User.Username(); user != "" {
			words = append(words, user)
		}
		if _, err := redis.Call(append(words, password)...); err != nil {
			return nil, err
		}
	}
	return redis, nil
}

// Call sends one command and answers its reply; nil, nil for Redis' nil.
func (r *Redis) Call(words ...string) (*string, error) {
	value, err := r.Do(words...)
	if err != nil || value == nil {
		return nil, err
	}
	text, ok := value.(string)
	if !ok {
		return nil, errors.New("an array was not expected")
	}
	return &text, nil
}

// Do sends one command and answers its reply: nil, a string, or a []any of these.
func (r *Redis) Do(words ...string) (any, error) {
	var frame strings.Builder
	fmt.Fprintf(&frame, "*%d\r\n", len(words))
	for _, word := range words {
		fmt.Fprintf(&frame, "$%d\r\n%s\r\n", len(word), word)
	}
	if _, err := io.WriteString(r.conn, frame.String()); err != nil {
		return nil, err
	}
	return r.value()
}

func (r *Redis) value() (any, error) {
	line, err := r.reader.ReadString('\n')
	if err != nil {
		return nil, err
	}
	line = strings.TrimSuffix(line, "\r\n")
	kind, rest := line[0], line[1:]
	if kind == '-' {
		return nil, errors.New(rest)
	}
	if kind != '$' && kind != '*' {
		return rest, nil
	}
	length, err := strconv.Atoi(rest)
	if err != nil || length < 0 {
		return nil, err
	}
	if kind == '$' {
		value := make([]byte, length+2)
		if _, err := io.ReadFull(r.reader, value); err != nil {
			return nil, err
		}
		return string(value[:length]), nil
	}
	items := make([]any, length)
	for i := range items {
		if items[i], err = r.value(); err != nil {
			return nil, err
		}
	}
	return items, nil
}
