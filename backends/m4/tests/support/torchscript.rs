//! Writes files with the structure that `torch.jit.script(module).save(file)` gives them: a ZIP of stored entries whose data
//! start at multiples of 64, a protocol-2 pickle of the module tree, one raw storage per tensor.

use mixlab_m4::weights::Tensor;

/// How the archive's directory is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Directory {
    Narrow,
    /// Sizes, offsets and the directory's own place in 64-bit records, as newer torch versions write them.
    Wide,
}

/// A module: attributes that are tensors or modules.
pub enum Part<'a> {
    Tensor(&'a Tensor),
    Module(Vec<(&'a str, Part<'a>)>),
}

/// The file of `module`.
pub fn torchscript(module: &Part<'_>, directory: Directory) -> Vec<u8> {
    let mut pickle = Pickle { out: vec![0x80, 2], memo: 0, storages: Vec::new() };
    pickle.part(module);
    pickle.out.push(b'.');
    let mut entries: Vec<(String, Vec<u8>)> = vec![("m/data.pkl".into(), pickle.out)];
    entries.push(("m/code/__torch__.py".into(), b"class Module(Module):\n  pass\n".to_vec()));
    entries.push(("m/byteorder".into(), b"little".to_vec()));
    entries.extend(pickle.storages.into_iter().enumerate().map(|(k, data)| (format!("m/data/{k}"), data)));
    entries.push(("m/version".into(), b"5\n".to_vec()));
    archive(&entries, directory)
}

/// A ZIP archive of stored entries.
pub fn archive(entries: &[(String, Vec<u8>)], directory: Directory) -> Vec<u8> {
    let (mut out, mut central) = (Vec::new(), Vec::new());
    for (name, data) in entries {
        let offset = out.len();
        let padding = (64 - (offset + 30 + name.len() + 4) % 64) % 64;
        let fixed = |flags: u16| [&20u16.to_le_bytes()[..], &flags.to_le_bytes(), &[0; 10]].concat();
        out.extend(b"PK\x03\x04");
        out.extend(fixed(8)); // sizes follow the data
        out.extend([0; 8]);
        out.extend((name.len() as u16).to_le_bytes());
        out.extend((4 + padding as u16).to_le_bytes());
        out.extend(name.as_bytes());
        out.extend(b"FB");
        out.extend((padding as u16).to_le_bytes());
        out.extend(vec![b'Z'; padding]);
        out.extend(data);
        central.extend(b"PK\x01\x02");
        central.extend(20u16.to_le_bytes());
        central.extend(fixed(8));
        let wide = directory == Directory::Wide;
        let number = |v: usize| if wide { u32::MAX } else { v as u32 }.to_le_bytes();
        central.extend(number(data.len()));
        central.extend(number(data.len()));
        central.extend((name.len() as u16).to_le_bytes());
        central.extend(if wide { 28u16 } else { 0 }.to_le_bytes());
        central.extend([0; 10]);
        central.extend(number(offset));
        central.extend(name.as_bytes());
        if wide {
            central.extend([1, 0, 24, 0]);
            [data.len(), data.len(), offset].iter().for_each(|v| central.extend((*v as u64).to_le_bytes()));
        }
    }
    let (start, length) = (out.len() as u64, central.len() as u64);
    out.extend(central);
    let count = entries.len() as u64;
    if directory == Directory::Wide {
        let end = out.len() as u64;
        out.extend(b"PK\x06\x06");
        out.extend(44u64.to_le_bytes());
        out.extend([0; 12]);
        [count, count, length, start].iter().for_each(|v| out.extend(v.to_le_bytes()));
        out.extend(b"PK\x06\x07\0\0\0\0");
        out.extend(end.to_le_bytes());
        out.extend(1u32.to_le_bytes());
    }
    out.extend(b"PK\x05\x06\0\0\0\0");
    let (count, start) = if directory == Directory::Wide { (u16::MAX, u32::MAX) } else { (count as u16, start as u32) };
    out.extend(count.to_le_bytes());
    out.extend(count.to_le_bytes());
    out.extend((length as u32).to_le_bytes());
    out.extend(start.to_le_bytes());
    out.extend([0, 0]);
    out
}

struct Pickle {
    out: Vec<u8>,
    memo: u8,
    storages: Vec<Vec<u8>>,
}

impl Pickle {
    fn remember(&mut self) {
        self.out.extend([b'q', self.memo]);
        self.memo += 1;
    }

    fn text(&mut self, text: &str) {
        self.out.push(b'X');
        self.out.extend((text.len() as u32).to_le_bytes());
        self.out.extend(text.as_bytes());
        self.remember();
    }

    fn int(&mut self, v: usize) {
        match v {
            0..256 => self.out.extend([b'K', v as u8]),
            256..65_536 => {
                self.out.push(b'M');
                self.out.extend((v as u16).to_le_bytes());
            }
            _ => {
                self.out.push(b'J');
                self.out.extend((v as i32).to_le_bytes());
            }
        }
    }

    fn part(&mut self, part: &Part<'_>) {
        match part {
            Part::Tensor(tensor) => self.tensor(tensor),
            Part::Module(attributes) => {
                self.out.extend(b"c__torch__.net\nModule\n)\x81}(");
                self.text("training");
                self.out.push(0x89);
                self.text("_is_full_backward_hook");
                self.out.push(b'N');
                for (name, part) in attributes {
                    self.text(name);
                    self.part(part);
                }
                self.out.extend(b"ub");
            }
        }
    }

    fn tensor(&mut self, tensor: &Tensor) {
        self.out.extend(b"ctorch._utils\n_rebuild_tensor_v2\n((");
        self.text("storage");
        self.out.extend(b"ctorch\nFloatStorage\n");
        self.text(&self.storages.len().to_string());
        self.text("cuda:0");
        self.int(tensor.values.len());
        self.out.extend(b"tQK\0(");
        tensor.shape.iter().for_each(|d| self.int(*d));
        self.out.extend(b"t(");
        let strides = (0..tensor.shape.len()).map(|i| tensor.shape[i + 1..].iter().product::<usize>());
        strides.collect::<Vec<_>>().into_iter().for_each(|s| self.int(s));
        self.out.extend(b"t\x89ccollections\nOrderedDict\n)RtR");
        self.storages.push(tensor.values.iter().flat_map(|v| v.to_le_bytes()).collect());
    }
}
