"""Answers in the style of OpenAI's chat completions: the last message, echoed.

Source: control-plane reference, §1.1 (paths of the data plane); the style is OpenAI's own.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from agentrun_simulator.errors import bad_request
from agentrun_simulator.reply import Reply, json_bytes


def completion(body: Mapping[str, Any], default_model: str, now: datetime, number: UUID) -> Reply:
    """Answer a chat, at once or as a stream of server-sent events.

    Raises:
        ServiceError: 400 when there are no messages.
    """
    messages = body.get("messages")
    if not isinstance(messages, list) or not messages:
        raise bad_request("messages must be a list with at least one message")
    if not all(isinstance(message, dict) for message in messages):
        raise bad_request("a message must be an object")
    words = f"echo: {_text(messages[-1])}".split(" ")
    model = body.get("model")
    head = {
        "id": f"chatcmpl-{number.hex}",
        "created": int(now.timestamp()),
        "model": model if isinstance(model, str) and model else default_model,
    }
    asked = sum(len(_text(message).split()) for message in messages)
    usage = {
        "prompt_tokens": asked,
        "completion_tokens": len(words),
        "total_tokens": asked + len(words),
    }
    if body.get("stream"):
        options = body.get("stream_options")
        wants_usage = isinstance(options, dict) and options.get("include_usage")
        return _stream(head, words, usage if wants_usage else None)
    message = {"role": "assistant", "content": " ".join(words)}
    choice = {"index": 0, "message": message, "finish_reason": "stop"}
    document = head | {"object": "chat.completion", "choices": [choice], "usage": usage}
    return Reply(200, {"content-type": "application/json"}, json_bytes(document))


def _stream(head: Mapping[str, Any], words: list[str], usage: Mapping[str, int] | None) -> Reply:
    deltas = [{"role": "assistant", "content": ""}]
    deltas += [{"content": word if index == 0 else f" {word}"} for index, word in enumerate(words)]
    choices: list[list[dict[str, Any]]] = [
        [{"index": 0, "delta": delta, "finish_reason": None}] for delta in deltas
    ]
    choices.append([{"index": 0, "delta": {}, "finish_reason": "stop"}])
    chunks = [{**head, "object": "chat.completion.chunk", "choices": each} for each in choices]
    if usage is not None:
        chunks.append({**head, "object": "chat.completion.chunk", "choices": [], "usage": usage})
    events = [b"data: " + json_bytes(chunk) + b"\n\n" for chunk in chunks]
    headers = {"content-type": "text/event-stream", "cache-control": "no-cache"}
    return Reply(200, headers, b"", (*events, b"data: [DONE]\n\n"))


def _text(message: Mapping[str, Any]) -> str:
    """Return what a message says: its text, or the texts of its parts."""
    content = message.get("content")
    if isinstance(content, str):
        return content
    parts = content if isinstance(content, list) else []
    return " ".join(str(part.get("text", "")) for part in parts if isinstance(part, dict))
