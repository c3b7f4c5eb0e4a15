//! TensorBoard's event files: a stream of records, each a length and a message with their checksums.
//!
//! ```text
//! record    u64 length · u32 check(length) · message · u32 check(message)            all little-endian
//! check(x)  c = CRC-32C of x;  (c >> 15 | c << 17) + 0xa282ead8  mod 2³²
//! message   Event { 1: double wall_time, 2: int64 step, 3: string file_version, 5: Summary }    (protocol buffers)
//! Summary   { repeated 1: Value { 1: string tag, 2: float simple_value } }
//! ```
//!
//! Sources: TensorFlow's documentation of TFRecord and its `event.proto` and `summary.proto`; RFC 3720 for CRC-32C. The first
//! record names the version `brain.Event:2`. Left out: everything but scalars.

/// A step's scalars.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Event {
    /// Seconds since 1970.
    pub wall_time_s: f64,
    /// Step.
    pub step: u64,
    /// Values by tag.
    pub scalars: Vec<(String, f32)>,
}

/// Version named by the first record.
const VERSION: &str = "brain.Event:2";

/// The record a file begins with.
pub fn beginning(wall_time_s: f64) -> Vec<u8> {
    let mut message = Vec::new();
    double(&mut message, 1, wall_time_s);
    text(&mut message, 3, VERSION.as_bytes());
    record(&message)
}

/// The record of one step.
pub fn encode(event: &Event) -> Vec<u8> {
    let mut summary = Vec::new();
    for (tag, value) in &event.scalars {
        let mut one = Vec::new();
        text(&mut one, 1, tag.as_bytes());
        key(&mut one, 2, WIRE_32);
        one.extend(value.to_le_bytes());
        text(&mut summary, 1, &one);
    }
    let mut message = Vec::new();
    double(&mut message, 1, event.wall_time_s);
    key(&mut message, 2, WIRE_VARINT);
    varint(&mut message, event.step);
    text(&mut message, 5, &summary);
    record(&message)
}

/// The steps of a file, up to the first record that is damaged or cut off; records without scalars are passed over.
pub fn decode(mut bytes: &[u8]) -> Vec<Event> {
    let mut events = Vec::new();
    while let Some((message, rest)) = next_record(bytes) {
        let Some(event) = event(message) else { break };
        if !event.scalars.is_empty() {
            events.push(event);
        }
        bytes = rest;
    }
    events
}

fn record(message: &[u8]) -> Vec<u8> {
    let length = (message.len() as u64).to_le_bytes();
    [&length, &check(&length).to_le_bytes()[..], message, &check(message).to_le_bytes()].concat()
}

fn next_record(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (length, rest) = bytes.split_first_chunk::<8>()?;
    let (length_check, rest) = rest.split_first_chunk::<4>()?;
    let size = usize::try_from(u64::from_le_bytes(*length)).ok()?;
    let (message, rest) = rest.split_at_checked(size)?;
    let (message_check, rest) = rest.split_first_chunk::<4>()?;
    let sound = check(length).to_le_bytes() == *length_check && check(message).to_le_bytes() == *message_check;
    sound.then_some((message, rest))
}

/// The masked checksum of a record's parts.
fn check(bytes: &[u8]) -> u32 {
    crc32c(bytes).rotate_right(15).wrapping_add(0xa282_ead8)
}

/// CRC-32C (Castagnoli), bitwise: a log has a few hundred bytes per step.
fn crc32c(bytes: &[u8]) -> u32 {
    const POLYNOMIAL: u32 = 0x82f6_3b78;
    let mut crc = !0u32;
    for byte in bytes {
        crc ^= u32::from(*byte);
        for _ in 0..8 {
            crc = (crc >> 1) ^ (POLYNOMIAL & (crc & 1).wrapping_neg());
        }
    }
    !crc
}

const WIRE_VARINT: u64 = 0;
const WIRE_64: u64 = 1;
const WIRE_BYTES: u64 = 2;
const WIRE_32: u64 = 5;

fn key(to: &mut Vec<u8>, field: u64, wire: u64) {
    varint(to, field << 3 | wire);
}

fn varint(to: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        to.push(value as u8 | 0x80);
        value >>= 7;
    }
    to.push(value as u8);
}

fn double(to: &mut Vec<u8>, field: u64, value: f64) {
    key(to, field, WIRE_64);
    to.extend(value.to_le_bytes());
}

fn text(to: &mut Vec<u8>, field: u64, bytes: &[u8]) {
    key(to, field, WIRE_BYTES);
    varint(to, bytes.len() as u64);
    to.extend(bytes);
}

/// A field's value.
enum Value<'a> {
    Varint(u64),
    Double(f64),
    Bytes(&'a [u8]),
    Float(f32),
}

/// The next field of a message; `None` at its end or where it is damaged.
fn field<'a>(bytes: &mut &'a [u8]) -> Option<(u64, Value<'a>)> {
    let key = read_varint(bytes)?;
    let value = match key & 7 {
        WIRE_VARINT => Value::Varint(read_varint(bytes)?),
        WIRE_64 => Value::Double(f64::from_le_bytes(*take_chunk(bytes)?)),
        WIRE_32 => Value::Float(f32::from_le_bytes(*take_chunk(bytes)?)),
        WIRE_BYTES => {
            let length = usize::try_from(read_varint(bytes)?).ok()?;
            let (value, rest) = bytes.split_at_checked(length)?;
            *bytes = rest;
            Value::Bytes(value)
        }
        _ => return None,
    };
    Some((key >> 3, value))
}

fn read_varint(bytes: &mut &[u8]) -> Option<u64> {
    let mut value = 0;
    for shift in (0..64).step_by(7) {
        let (byte, rest) = bytes.split_first()?;
        *bytes = rest;
        value |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Some(value);
        }
    }
    None
}

fn take_chunk<'a, const N: usize>(bytes: &mut &'a [u8]) -> Option<&'a [u8; N]> {
    let (chunk, rest) = bytes.split_first_chunk()?;
    *bytes = rest;
    Some(chunk)
}

fn event(mut message: &[u8]) -> Option<Event> {
    let mut event = Event::default();
    while !message.is_empty() {
        match field(&mut message)? {
            (1, Value::Double(time)) => event.wall_time_s = time,
            (2, Value::Varint(step)) => event.step = step,
            (5, Value::Bytes(mut summary)) => {
                while !summary.is_empty() {
                    if let (1, Value::Bytes(value)) = field(&mut summary)? {
                        event.scalars.push(scalar(value)?);
                    }
                }
            }
            _ => {}
        }
    }
    Some(event)
}

fn scalar(mut value: &[u8]) -> Option<(String, f32)> {
    let (mut tag, mut number) = (String::new(), 0.0);
    while !value.is_empty() {
        match field(&mut value)? {
            (1, Value::Bytes(bytes)) => tag = String::from_utf8(bytes.to_vec()).ok()?,
            (2, Value::Float(v)) => number = v,
            _ => {}
        }
    }
    Some((tag, number))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn events() -> Vec<Event> {
        let scalars = |step: u64| vec![("train/loss".into(), 0.5 / step as f32), ("validation/mean".into(), -1.25)];
        [1, 127, 128, 1 << 40].map(|step| Event { wall_time_s: 1.7e9, step, scalars: scalars(step) }).into()
    }

    #[test]
    fn checksums_are_those_of_the_standard() {
        // RFC 3720, B.4, and the check value of the polynomial's catalogue entry.
        assert_eq!(crc32c(&[0; 32]), 0x8a91_36aa);
        assert_eq!(crc32c(b"123456789"), 0xe306_9283);
        assert_eq!(crc32c(&[]), 0);
    }

    #[test]
    fn what_is_written_is_read_back() {
        let mut file = beginning(1.7e9);
        events().iter().for_each(|e| file.extend(encode(e)));
        assert_eq!(decode(&file), events());
    }

    #[test]
    fn a_damaged_or_cut_file_is_read_up_to_the_damage() {
        let all = events();
        let mut file = beginning(0.0);
        all.iter().take(2).for_each(|e| file.extend(encode(e)));
        let whole = file.len();
        file.extend(encode(&all[2]));
        for cut in whole..file.len() {
            assert_eq!(decode(&file[..cut]), all[..2]);
        }
        for place in whole..file.len() {
            let mut damaged = file.clone();
            damaged[place] ^= 0x10;
            assert_eq!(decode(&damaged), all[..2], "byte {place}");
        }
        assert_eq!(decode(b"not an event file at all"), []);
    }
}
