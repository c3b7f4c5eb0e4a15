//! The part of Python's pickle language that TorchScript writes, read without executing anything.
//!
//! A pickle is a program for a stack machine. Calls and constructions become [`Object`]s: what would be called, with what
//! arguments, with what state. All values live in arenas and refer to each other by index, so shared, nested or cyclic
//! structures cost what they are long in the file and can be dropped without recursion.
//!
//! Left out: every opcode that TorchScript does not write (they are errors), and all meaning of class names.

use super::super::array;

/// Longest program accepted; that of the published model's largest file has a few KB.
const LONGEST: usize = 1 << 20;

/// A value; composite ones are indices into the arenas of [`Pickle`].
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Value {
    /// `None`, or a value nobody here needs.
    Nothing,
    /// Integer.
    Int(i64),
    /// Text, or the "module name" of a class.
    Text(usize),
    Tuple(usize),
    List(usize),
    Dict(usize),
    Object(usize),
    /// Reference to something outside the pickle.
    Persistent(usize),
}

/// A call or construction that was not carried out.
#[derive(Clone, Copy, Debug)]
pub(super) struct Object {
    pub callable: Value,
    pub arguments: Value,
    pub state: Option<Value>,
}

/// A parsed pickle.
#[derive(Default)]
pub(super) struct Pickle {
    texts: Vec<String>,
    sequences: Vec<Vec<Value>>,
    dicts: Vec<Vec<(Value, Value)>>,
    objects: Vec<Object>,
    persistent: Vec<Value>,
    stack: Vec<Value>,
    marks: Vec<usize>,
    memo: Vec<(u32, Value)>,
}

impl Pickle {
    /// Runs the stack machine over `program`.
    pub(super) fn parse(program: &[u8]) -> Result<Self, String> {
        if program.len() > LONGEST {
            return Err(format!("a pickle of {} bytes is more than the {LONGEST} accepted", program.len()));
        }
        let mut machine = Self::default();
        let mut rest = program;
        loop {
            let at = program.len() - rest.len();
            let (opcode, tail) = rest.split_first().ok_or("the pickle is cut off")?;
            if *opcode == b'.' {
                break;
            }
            rest =
                machine.step(*opcode, tail).ok_or_else(|| format!("bad pickle: opcode {opcode:#04x} at byte {at}"))?;
        }
        if machine.stack.len() == 1 { Ok(machine) } else { Err("the pickle does not end with one value".into()) }
    }

    pub(super) fn root(&self) -> Value {
        self.stack[0]
    }

    pub(super) fn object(&self, index: usize) -> Object {
        self.objects[index]
    }

    pub(super) fn dict(&self, index: usize) -> &[(Value, Value)] {
        &self.dicts[index]
    }

    pub(super) fn persistent(&self, index: usize) -> Value {
        self.persistent[index]
    }

    /// The elements of a tuple; none for anything else.
    pub(super) fn tuple(&self, value: Value) -> &[Value] {
        if let Value::Tuple(index) = value { &self.sequences[index] } else { &[] }
    }

    pub(super) fn text(&self, value: Value) -> Option<&str> {
        if let Value::Text(index) = value { Some(&self.texts[index]) } else { None }
    }

    /// Executes one instruction; returns what follows it, or `None` if it is unknown or not allowed here.
    fn step<'a>(&mut self, opcode: u8, rest: &'a [u8]) -> Option<&'a [u8]> {
        let (value, used) = match opcode {
            0x80 => return rest.get(1..), // protocol
            b'(' => {
                self.marks.push(self.stack.len());
                return Some(rest);
            }
            b'c' => self.global(rest)?,
            b'X' => self.sized_text(rest, 4, u32::from_le_bytes(array(rest, 0)?) as usize)?,
            0x8c => self.sized_text(rest, 1, usize::from(*rest.first()?))?,
            b'J' => (Value::Int(i32::from_le_bytes(array(rest, 0)?).into()), 4),
            b'K' => (Value::Int((*rest.first()?).into()), 1),
            b'M' => (Value::Int(u16::from_le_bytes(array(rest, 0)?).into()), 2),
            0x8a => long(rest)?,
            b'G' => (Value::Nothing, 8),               // a real number
            b'N' | 0x88 | 0x89 => (Value::Nothing, 0), // None, True, False
            b')' => (self.tuple_of(Vec::new()), 0),
            b']' => (self.list(), 0),
            b'}' => (self.new_dict(), 0),
            b'h' => (self.recall((*rest.first()?).into())?, 1),
            b'j' => (self.recall(u32::from_le_bytes(array(rest, 0)?))?, 4),
            b'q' => return self.remember((*rest.first()?).into(), rest, 1),
            b'r' => return self.remember(u32::from_le_bytes(array(rest, 0)?), rest, 4),
            b't' => {
                let items = self.since_mark()?;
                (self.tuple_of(items), 0)
            }
            0x85..=0x87 => {
                let items = self.pop_many(usize::from(opcode - 0x84))?;
                (self.tuple_of(items), 0)
            }
            b'Q' => {
                let id = self.pop()?;
                self.persistent.push(id);
                (Value::Persistent(self.persistent.len() - 1), 0)
            }
            b'R' | 0x81 => {
                let (arguments, callable) = (self.pop()?, self.pop()?);
                self.objects.push(Object { callable, arguments, state: None });
                (Value::Object(self.objects.len() - 1), 0)
            }
            b'a' | b'e' | b's' | b'u' | b'b' => return self.modify(opcode).map(|()| rest),
            _ => return None,
        };
        self.stack.push(value);
        rest.get(used..)
    }

    /// Instructions that change the value below their operands.
    fn modify(&mut self, opcode: u8) -> Option<()> {
        let operands = match opcode {
            b'a' | b'b' => self.pop_many(1)?,
            b's' => self.pop_many(2)?,
            _ => self.since_mark()?,
        };
        match (opcode, *self.stack.last()?) {
            (b'a' | b'e', Value::List(list)) => self.sequences[list].extend(operands),
            (b's' | b'u', Value::Dict(dict)) => {
                let (pairs, odd) = operands.as_chunks::<2>();
                if !odd.is_empty() {
                    return None;
                }
                self.dicts[dict].extend(pairs.iter().map(|[k, v]| (*k, *v)));
            }
            (b'b', Value::Object(object)) => self.objects[object].state = operands.first().copied(),
            _ => return None,
        }
        Some(())
    }

    fn pop(&mut self) -> Option<Value> {
        if self.marks.last().is_some_and(|m| *m >= self.stack.len()) { None } else { self.stack.pop() }
    }

    fn pop_many(&mut self, count: usize) -> Option<Vec<Value>> {
        let floor = self.marks.last().copied().unwrap_or(0);
        let from = self.stack.len().checked_sub(count).filter(|from| *from >= floor)?;
        Some(self.stack.split_off(from))
    }

    fn since_mark(&mut self) -> Option<Vec<Value>> {
        let mark = self.marks.pop()?;
        Some(self.stack.split_off(mark))
    }

    fn tuple_of(&mut self, items: Vec<Value>) -> Value {
        self.sequences.push(items);
        Value::Tuple(self.sequences.len() - 1)
    }

    fn list(&mut self) -> Value {
        self.sequences.push(Vec::new());
        Value::List(self.sequences.len() - 1)
    }

    fn new_dict(&mut self) -> Value {
        self.dicts.push(Vec::new());
        Value::Dict(self.dicts.len() - 1)
    }

    fn new_text(&mut self, text: String) -> Value {
        self.texts.push(text);
        Value::Text(self.texts.len() - 1)
    }

    fn sized_text(&mut self, rest: &[u8], header: usize, length: usize) -> Option<(Value, usize)> {
        let text = rest.get(header..header.checked_add(length)?)?;
        let text = std::str::from_utf8(text).ok()?.to_string();
        Some((self.new_text(text), header + length))
    }

    /// Two lines: module and name.
    fn global(&mut self, rest: &[u8]) -> Option<(Value, usize)> {
        let mut lines = rest.splitn(3, |b| *b == b'\n');
        let (module, name) = (lines.next()?, lines.next()?);
        lines.next()?; // both lines ended
        let text = format!("{} {}", std::str::from_utf8(module).ok()?, std::str::from_utf8(name).ok()?);
        Some((self.new_text(text), module.len() + name.len() + 2))
    }

    /// Writers number the memo from 0 up, so it is kept sorted by pushing.
    fn remember<'a>(&mut self, key: u32, rest: &'a [u8], used: usize) -> Option<&'a [u8]> {
        let value = *self.stack.last()?;
        match self.memo.binary_search_by_key(&key, |(k, _)| *k) {
            Ok(at) => self.memo[at].1 = value,
            Err(at) if at == self.memo.len() => self.memo.push((key, value)),
            Err(_) => return None,
        }
        rest.get(used..)
    }

    fn recall(&self, key: u32) -> Option<Value> {
        self.memo.binary_search_by_key(&key, |(k, _)| *k).ok().map(|at| self.memo[at].1)
    }
}

/// An integer of up to 8 bytes, least significant first, two's complement.
fn long(rest: &[u8]) -> Option<(Value, usize)> {
    let length = usize::from(*rest.first()?);
    let bytes = rest.get(1..1 + length)?;
    if length > 8 {
        return None;
    }
    let negative = bytes.last().is_some_and(|b| b & 0x80 != 0);
    let mut wide = [if negative { 0xff } else { 0 }; 8];
    wide[..length].copy_from_slice(bytes);
    Some((Value::Int(i64::from_le_bytes(wide)), 1 + length))
}
