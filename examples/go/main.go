// Enqueues jobs and waits for their outcomes: cd examples/go && go run . [move-and-cancel] ACCOUNT
//
// It makes a meeting and prints its link; with move-and-cancel it moves and cancels it
// too. With consume and dashboard it reads outcomes (consume.go).
package main

import (
	"crypto/rand"
	"encoding/json"
	"fmt"
	"log"
	"os"
	"time"
)

// Outcome is what becomes of a job.
type Outcome struct {
	Status, Code, Message, Effect string
	Meeting                       struct {
		ID      uint64
		JoinURL string `json:"join_url"`
	}
}

func main() {
	log.SetFlags(0)
	if len(os.Args) > 1 && os.Args[1] == "consume" {
		consume(os.Args[2:])
		return
	}
	if len(os.Args) > 1 && os.Args[1] == "dashboard" {
		dashboard(os.Args[2:])
		return
	}
	moves := len(os.Args) == 3 && os.Args[1] == "move-and-cancel"
	if len(os.Args) != 2 && !moves {
		log.Fatal("usage: enqueue [move-and-cancel] ACCOUNT")
	}
	account := os.Args[len(os.Args)-1]
	random := make([]byte, 16)
	if _, err := rand.Read(random); err != nil {
		log.Fatal(err)
	}
	redis := connect()
	start := time.Now().UTC().Add(24 * time.Hour)
	id := fmt.Sprintf("go-%x", random)
	made := run(redis, id, account, map[string]any{"meeting": map[string]any{
		"topic":      "Hello from Go",
		"start_time": start.Format(time.RFC3339),
		"duration":   30,
	}})
	if !moves {
		fmt.Println(made.Meeting.JoinURL)
		return
	}
	moved := run(redis, id+"-move", account, map[string]any{
		"kind": "update_meeting", "meeting_id": made.Meeting.ID,
		"meeting": map[string]any{"start_time": start.Add(time.Hour).Format(time.RFC3339)},
	})
	fmt.Println(moved.Effect)
	cancelled := run(redis, id+"-cancel", account, map[string]any{
		"kind": "delete_meeting", "meeting_id": made.Meeting.ID,
	})
	fmt.Println(cancelled.Effect)
}

// run enqueues a job with these fields and waits for its outcome.
func run(redis *Redis, id, account string, job map[string]any) Outcome {
	job["id"], job["account"], job["reply"] = id, account, true
	text, err := json.Marshal(job)
	if err != nil {
		log.Fatal(err)
	}
	ns := or(os.Getenv("ZOOMD_NAMESPACE"), "zoomd")
	if _, err := redis.Call("XADD", ns+":jobs", "*", "job", string(text)); err != nil {
		log.Fatal(err)
	}
	reply := ns + ":reply:" + id
	answer, err := redis.Call("BLMOVE", reply, reply, "LEFT", "LEFT", "30")
	if err != nil {
		log.Fatal(err)
	}
	if answer == nil {
		log.Fatal("no outcome yet")
	}
	var outcome Outcome
	if err := json.Unmarshal([]byte(*answer), &outcome); err != nil {
		log.Fatal(err)
	}
	if outcome.Status != "succeeded" {
		log.Fatalf("%s: %s", outcome.Code, outcome.Message)
	}
	return outcome
}

// connect connects to REDIS_URL.
func connect() *Redis {
	redis, err := Dial(or(os.Getenv("REDIS_URL"), "redis://127.0.0.1:6379"))
	if err != nil {
		log.Fatal(err)
	}
	return redis
}

func or(value, otherwise string) string {
	if value == "" {
		return otherwise
	}
	return value
}
