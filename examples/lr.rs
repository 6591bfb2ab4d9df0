use pokedex::head::*;
use std::io::Read;
fn main(){
    // file: n d c (u32) then x f32, y u32
    let a:Vec<String>=std::env::args().collect();
    let mut f=std::fs::File::open(&a[1]).unwrap(); let mut h=[0u8;12]; f.read_exact(&mut h).unwrap();
    let g=|i:usize|u32::from_le_bytes(h[i*4..i*4+4].try_into().unwrap()) as usize;
    let (n,d,c)=(g(0),g(1),g(2));
    let mut b=vec![]; f.read_to_end(&mut b).unwrap();
    let v:Vec<f32>=b[..n*d*4].chunks(4).map(|x|f32::from_le_bytes(x.try_into().unwrap())).collect();
    let y:Vec<u32>=b[n*d*4..].chunks(4).map(|x|u32::from_le_bytes(x.try_into().unwrap())).collect();
    let t=std::time::Instant::now();
    let mut r=RowsBuilder::new(d).unwrap(); for i in 0..n { r.push(&v[i*d..(i+1)*d],y[i]).unwrap(); } let r=r.finish().unwrap();
    let cc:f64=a[2].parse().unwrap(); let l2=1.0/(cc*n as f64);
    rayon::ThreadPoolBuilder::new().num_threads(2).build().unwrap().install(||{
    let o=Objective::new(&r,None,c,None); println!("setup {:?}",t.elapsed());
    let mut th=o.start();
    let s=o.minimise(&mut th,l2,Limits{iterations:200,slope:a[3].parse().unwrap(),decrease:1e-6},|s,_|{ println!("{} {:.6} {:.6} {:?}",s.iteration,s.value,s.slope,t.elapsed()); Ok(true)}).unwrap();
    println!("done {:?} sklearn-scale {:.4} {:?}",s,s.value*cc*n as f64,t.elapsed()); });
}
